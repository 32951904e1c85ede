// A job or a request in a dialog: the browser keeps the focus in it and closes it with Escape.

import { html, useEffect, useRef, useState } from "/page/vendor/htm-preact.js";
import { ask, nameOf, state } from "/page/state.js";
import { Trace } from "/page/trace.js";
import { failureOf, isBad, lineOf, milliseconds, stateOf } from "/page/words.js";

const ACTIONS = [
  ["Cancel", ["IN_QUEUE", "IN_PROGRESS"], "cancel"],
  ["Run it again", ["FAILED", "TIMED_OUT"], "retry"],
];
const LATE = 0.2; // seconds that lines of a worker may take to arrive

// `calls` are those that were opened one after the other; the last one is shown.
export function CallDialog({ calls, onOpen, onBack, onClose }) {
  const dialog = useRef(null);
  const title = useRef(null);
  const opened = calls.at(-1);
  const call = { ...opened, ...state.calls.get(opened.id) };
  const before = calls.at(-2);
  useEffect(() => { dialog.current?.showModal(); }, []);
  useEffect(() => {
    dialog.current.scrollTop = 0;
    if (calls.length > 1) title.current?.focus();
  }, [opened.id]);
  const Details = call.kind === "job" ? JobDetails : RequestDetails;
  return html`<dialog ref=${dialog} onClose=${onClose} aria-labelledby="call-title">
    <header><h2 id="call-title" ref=${title} tabindex="-1">
      ${call.kind === "job" ? "Job" : "Request"} of ${nameOf(call.endpoint)}</h2>
      <span class="row tight">
        ${before && html`<button type="button" onClick=${onBack}>Back to ${nameOf(before.endpoint)}</button>`}
        <button type="button" onClick=${() => dialog.current.close()}>Close</button></span></header>
    <${Details} key=${call.id} call=${call} onOpen=${onOpen} />
  </dialog>`;
}

function Pair({ name, bad = false, children }) {
  return html`<div class=${bad ? "bad" : ""}><dt>${name}</dt><dd>${children}</dd></div>`;
}

function TraceSection({ trace, current, onOpen }) {
  return html`<section aria-labelledby="trace-title"><h3 id="trace-title">Trace</h3>
    ${trace ? html`<${Trace} trace=${trace} current=${current} onOpen=${onOpen} />`
      : html`<p class="empty">This call has no trace.</p>`}</section>`;
}

function Lines({ lines }) {
  const own = lines.filter((line) => line.own).map((line) => line.shown);
  if (own.length === 0) return null;
  return html`<h3>What the worker printed meanwhile</h3><pre tabindex="0">${own.join("\n")}</pre>`;
}

function RequestDetails({ call, onOpen }) {
  const began = call.at - call.ms / 1000;
  const lines = state.lines.filter((line) =>
    line.worker === call.worker && line.at >= began && line.at <= call.at + LATE);
  return html`<p><code>${call.method} ${call.path}</code>${call.caller ? ` called by ${call.caller}` : ""}</p>
    <dl>
      <${Pair} name="status" bad=${isBad(call.status)}>${call.status}</${Pair}>
      <${Pair} name="took">${milliseconds(call.ms)}</${Pair}>
      <${Pair} name="worker"><code>${call.worker ?? "–"}</code></${Pair}>
    </dl>
    <${TraceSection} trace=${call.trace} current=${call.span} onOpen=${onOpen} />
    <${Lines} lines=${lines} />`;
}

function JobDetails({ call, onOpen }) {
  const [job, setJob] = useState(null);
  const [said, say] = useState("");
  useEffect(() => {
    let isShown = true;
    ask(`/page/job/${call.endpoint}/${call.id}`)
      .then(async (reply) => (reply.ok ? reply.json() : { isMissing: true }))
      .catch(() => ({ isMissing: true }))
      .then((found) => { if (isShown) setJob({ ...found, lines: found.lines?.map(lineOf) }); });
    return () => { isShown = false; };
  }, [call.id, call.status]);
  async function act(path) {
    const reply = await ask(`/v2/${call.endpoint}/${path}/${call.id}`, { method: "POST" });
    say(reply.ok ? "done" : (await reply.json()).error);
  }
  const status = call.status ?? job?.status;
  return html`<p><code>${call.id}</code>${call.caller ? ` called by ${call.caller}` : ""}</p>
    <p class="row tight">${ACTIONS.filter(([, fits]) => fits.includes(status)).map(([name, , path]) =>
      html`<button type="button" onClick=${() => act(path)}>${name}</button>`)}
      <span role="status">${said}</span></p>
    ${job === null ? html`<p class="empty">Loading …</p>`
      : job.isMissing ? html`<p>The platform does not keep this job any more.</p>`
      : html`<${Outcome} job=${job} faults=${call.faults} />`}
    <${TraceSection} trace=${job?.trace ?? call.trace} current=${call.id} onOpen=${onOpen} />
    ${job?.lines && html`<${Lines} lines=${job.lines} />`}`;
}

function Outcome({ job, faults }) {
  const waited = job.started ? (job.started - job.created) * 1000 : null;
  const ran = job.finished && job.started ? (job.finished - job.started) * 1000 : null;
  return html`<dl>
      <${Pair} name="state" bad=${isBad(job.status)}>${stateOf(job.status)}</${Pair}>
      <${Pair} name="waited">${milliseconds(waited)}</${Pair}>
      <${Pair} name="ran">${milliseconds(ran)}</${Pair}>
      <${Pair} name="attempt">${job.attempt}</${Pair}>
      <${Pair} name="worker"><code>${job.worker ?? "–"}</code></${Pair}>
      ${faults && html`<${Pair} name="faults on request">${faults.join(", ")}</${Pair}>`}
    </dl>
    ${job.error !== null && html`<h3>Error</h3><${Failure} error=${job.error} />`}
    <h3>Input</h3><pre tabindex="0">${JSON.stringify(job.input, null, 2)}</pre>
    ${job.output !== null && html`<h3>Output</h3><pre tabindex="0">${JSON.stringify(job.output, null, 2)}</pre>`}`;
}

function Failure({ error }) {
  const { title, text } = failureOf(error);
  return html`${title && html`<p class="bad long">${title}</p>`}<pre class="bad" tabindex="0">${text}</pre>`;
}
