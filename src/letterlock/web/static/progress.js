"use strict";
// Tells how far a check is while it runs, and goes to its report. Without it the page reloads.
(function () {
  const place = document.getElementById("progress");
  const state = document.getElementById("state");
  const last = document.getElementById("last");
  const bar = document.getElementById("bar");
  let told = "";

  function say(text) {
    // A screen reader is told of a change once, not at each event.
    if (text !== told) {
      told = text;
      state.textContent = text;
    }
  }

  function show(event) {
    const now = JSON.parse(event.data);
    const progress = now.progress;
    if (now.state === "queued") {
      say(state.dataset.queued);
    } else if (!progress) {
      say(state.dataset.running);
    } else {
      bar.max = Math.max(1, progress.endpoints);
      bar.value = progress.finished;
      say(state.dataset.ports
        .replace("{finished}", String(progress.finished))
        .replace("{endpoints}", String(progress.endpoints)));
      last.textContent = progress.last;
    }
  }

  const source = new EventSource(place.dataset.events);
  source.addEventListener("state", show);
  source.addEventListener("over", function () {
    source.close();
    say(state.dataset.over);
    window.location.reload();
  });
  // The service is away, or too many listen: look again in a while.
  source.addEventListener("error", function () {
    if (source.readyState === EventSource.CLOSED) {
      window.setTimeout(function () { window.location.reload(); }, 5000);
    }
  });
})();
