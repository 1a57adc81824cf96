"""What is on disk against what is on the wire: `letterlock status`, and what `fix` mends.

configuration ─► servers ─► references ─► disk ─► installed ─┐
                                                             ├─► facts ─► findings
                               endpoints, names ─► wire ─► served ─┘
"""
