"use strict";
// Shows what came to a sending test as it comes. Without it the page reloads.
(function () {
  const state = document.getElementById("state");
  const result = document.getElementById("result");
  let shown = null;
  let asking = false;
  let again = false;

  // The page itself, in its language: its result takes the place of the one that is shown.
  function look() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    fetch(window.location.href, { headers: { Accept: "text/html" } })
      .then(function (answer) {
        if (!answer.ok) {
          throw new Error(String(answer.status));
        }
        return answer.text();
      })
      .then(function (text) {
        const now = new DOMParser().parseFromString(text, "text/html");
        result.replaceChildren(...now.getElementById("result").childNodes);
        const said = now.getElementById("state").textContent;
        if (said !== state.textContent) {
          state.textContent = said;
        }
      })
      .catch(function () { /* The next event has it. */ })
      .finally(function () {
        asking = false;
        if (again) {
          again = false;
          look();
        }
      });
  }

  const source = new EventSource(state.dataset.events);
  source.addEventListener("changed", function (event) {
    const last = JSON.parse(event.data).last;
    // The first one too: something may have come since the page was made.
    if (last !== shown) {
      shown = last;
      look();
    }
  });
  source.addEventListener("over", function () {
    source.close();
    window.location.reload();
  });
  // The service is away, or too many listen: look again in a while.
  source.addEventListener("error", function () {
    if (source.readyState === EventSource.CLOSED) {
      window.setTimeout(function () { window.location.reload(); }, 5000);
    }
  });
})();
