// What workers print.

import { html, useEffect, useRef, useState } from "/page/vendor/htm-preact.js";
import { nameOf, state } from "/page/state.js";
import { cut } from "/page/words.js";

const SHOWN = 200;
const LONGEST = 2000;
const TROUBLE = /error|exception|traceback|critical|fatal/i;

// Loggers write to standard error, too, when all is well.
function isTrouble({ stream, text }) {
  return stream === "stderr" && TROUBLE.test(text);
}

export function Log() {
  const [endpoint, choose] = useState("");
  const [all, showAll] = useState(false);
  const lines = state.lines
    .filter((line) => (!endpoint || line.endpoint === endpoint) && (all || line.own))
    .slice(-SHOWN);
  const box = useRef(null);
  const follows = useRef(true);
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    follows.current = scrollHeight - scrollTop - clientHeight < 24;
  };
  return html`<section aria-labelledby="log"><header class="row"><h2 id="log" tabindex="-1">Log</h2>
    <label>of <select value=${endpoint} onChange=${(event) => choose(event.target.value)}>
      <option value="">all endpoints</option>
      ${state.endpoints.map((each) => html`<option value=${each.id}>${each.name}</option>`)}
    </select></label>
    <label><input type="checkbox" checked=${all} onChange=${(event) => showAll(event.target.checked)} />
      ${" "}with the lines of the SDK</label></header>
    <pre class="log" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-live="off"
      aria-labelledby="log">${lines.map((line) => html`<span key=${line.number}
        class=${isTrouble(line) ? "bad" : ""}><b>${nameOf(line.endpoint)}</b> ${cut(line.shown, LONGEST)}</span>`)}</pre>
  </section>`;
}
