// The parts of the page: an endpoint, the table of calls, a job, the log.

import { html, useEffect, useRef, useState } from "/page/vendor/htm-preact.js";
import { RequestForm } from "/page/form.js";
import { ask, milliseconds, nameOf, quantile, state } from "/page/state.js";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const timeOf = (seconds) => clock.format(new Date(seconds * 1000));

export function Endpoint({ endpoint }) {
  const times = state.times.get(endpoint.id) ?? [];
  const url = `${location.origin}/${endpoint.balanced ? "lb" : "v2"}/${endpoint.id}`;
  return html`<article id=${`endpoint-${endpoint.id}`} tabindex="-1" aria-labelledby=${`name-${endpoint.id}`}>
    <header>
      <h3 id=${`name-${endpoint.id}`}>${endpoint.name}</h3>
      <span class="kind">${endpoint.balanced ? "load balancer" : "queue"}</span>
    </header>
    <p class="url"><code>${url}</code></p>
    <dl>
      ${!endpoint.balanced && html`<div><dt>waiting</dt><dd>${endpoint.queued}</dd></div>
        <div><dt>running</dt><dd>${endpoint.running}</dd></div>
        <div><dt>completed</dt><dd>${endpoint.completed}</dd></div>
        <div class=${endpoint.failed ? "bad" : ""}><dt>failed</dt><dd>${endpoint.failed}</dd></div>`}
      <div><dt>p50</dt><dd>${milliseconds(quantile(times, 0.5))}</dd></div>
      <div><dt>p95</dt><dd>${milliseconds(quantile(times, 0.95))}</dd></div>
    </dl>
    <${Times} values=${times} />
    <h4>Workers <span class="quiet">${endpoint.least} to ${endpoint.most}</span></h4>
    <ul class="workers">
      ${endpoint.workers.map((worker) => html`<li key=${worker.id} class=${worker.state}>
        <code>${worker.id}</code> ${worker.state}${worker.held ? `, works on ${worker.held}` : ""}</li>`)}
      ${endpoint.workers.length === 0 && html`<li class="quiet">none; one starts with the next call</li>`}
    </ul>
    <details><summary>Send a request</summary><${RequestForm} endpoint=${endpoint} /></details>
    ${endpoint.balanced && html`<${Routes} endpoint=${endpoint} />`}
  </article>`;
}

function Times({ values }) {
  if (values.length < 2) return null;
  const most = Math.max(...values, 1);
  const step = 200 / Math.max(values.length - 1, 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(28 - (value / most) * 26).toFixed(1)}`);
  return html`<svg class="times" viewBox="0 0 200 30" preserveAspectRatio="none" role="img"
    aria-label=${`The last ${values.length} calls took up to ${milliseconds(most)}`}>
    <polyline points=${points.join(" ")} /></svg>`;
}

// The routes as the running app describes them itself.
function Routes({ endpoint }) {
  const [found, setFound] = useState(null);
  async function load(event) {
    if (!event.target.open || found) return;
    const reply = await ask(`/lb/${endpoint.id}/openapi.json`);
    setFound(reply.ok ? await reply.json() : { error: `the app answers ${reply.status}` });
  }
  const operations = Object.entries(found?.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, what]) => ({ path, method: method.toUpperCase(), what })));
  return html`<details onToggle=${load}><summary>OpenAPI</summary>
    ${found?.error && html`<p class="bad">${found.error}</p>`}
    ${operations.map(({ path, method, what }) => html`<section class="operation">
      <h5><span class="kind">${method}</span> <code>${path}</code></h5>
      ${(what.description || what.summary) && html`<p>${what.description || what.summary}</p>`}
      ${what.parameters?.length > 0 && html`<ul>${what.parameters.map((parameter) => html`<li>
        <code>${parameter.name}</code> in ${parameter.in}, ${parameter.schema?.type ?? "any"}${parameter.required ? ", required" : ""}</li>`)}</ul>`}
      ${what.requestBody && html`<p>takes a body of JSON</p>`}
      <p class="quiet">answers ${Object.keys(what.responses ?? {}).join(", ")}</p>
    </section>`)}
    ${found && !found.error && html`<details><summary>openapi.json</summary>
      <pre tabindex="0">${JSON.stringify(found, null, 2)}</pre></details>`}
  </details>`;
}

export function Calls({ onOpen }) {
  const calls = [...state.calls.values()].reverse().slice(0, 60);
  return html`<section aria-labelledby="calls"><h2 id="calls">Recent calls</h2>
    ${calls.length === 0 ? html`<p class="empty">No call yet. Send one from an endpoint, or with curl.</p>`
      : html`<div class="scroll" tabindex="0" role="region" aria-labelledby="calls"><table>
      <caption class="hidden">Jobs and requests, the newest first</caption>
      <thead><tr><th scope="col">Time</th><th scope="col">Endpoint</th><th scope="col">Call</th>
        <th scope="col">Result</th><th scope="col" class="number">Took</th></tr></thead>
      <tbody>${calls.map((call) => html`<${Call} key=${call.id} call=${call} onOpen=${onOpen} />`)}</tbody>
    </table></div>`}</section>`;
}

function Call({ call, onOpen }) {
  const isJob = call.kind === "job";
  const bad = isJob ? ["FAILED", "TIMED_OUT"].includes(call.status) : call.status >= 400;
  const took = isJob ? (call.finished ? (call.finished - call.created) * 1000 : null) : call.ms;
  return html`<tr class=${bad ? "bad" : ""}>
    <td>${timeOf(call.at)}</td>
    <td>${nameOf(call.endpoint)}${call.caller ? html` <span class="quiet">from ${call.caller}</span>` : ""}</td>
    <td>${isJob
      ? html`<button type="button" class="link" onClick=${() => onOpen(call)}>job ${call.id.slice(0, 13)}</button>`
      : html`<code>${call.method} ${call.path}</code>`}</td>
    <td><span class="state">${isJob ? call.status.toLowerCase().replace("_", " ") : call.status}</span></td>
    <td class="number">${milliseconds(took)}</td></tr>`;
}

const ACTIONS = [
  ["Cancel", ["IN_QUEUE", "IN_PROGRESS"], "cancel"],
  ["Run it again", ["FAILED", "TIMED_OUT"], "retry"],
];

// A job in a dialog: the browser keeps the focus in it and closes it with Escape.
export function JobDialog({ call, onClose }) {
  const dialog = useRef(null);
  const [job, setJob] = useState(null);
  const [said, say] = useState("");
  const status = state.calls.get(call.id)?.status;
  async function act(path) {
    const reply = await ask(`/v2/${call.endpoint}/${path}/${call.id}`, { method: "POST" });
    say(reply.ok ? "done" : (await reply.json()).error);
  }
  useEffect(() => { dialog.current?.showModal(); }, []);
  useEffect(() => {
    ask(`/page/job/${call.endpoint}/${call.id}`).then(async (reply) =>
      setJob(reply.ok ? await reply.json() : { missing: true }));
  }, [call.id, status]);
  return html`<dialog ref=${dialog} onClose=${onClose} aria-labelledby="job-title">
    <header><h2 id="job-title">Job of ${nameOf(call.endpoint)}</h2>
      <button type="button" onClick=${() => dialog.current.close()}>Close</button></header>
    <p><code>${call.id}</code>${call.caller ? ` called by ${call.caller}` : ""}</p>
    <p class="row">${ACTIONS.filter(([, fits]) => fits.includes(status)).map(([name, , path]) =>
      html`<button type="button" onClick=${() => act(path)}>${name}</button>`)}
      <span role="status">${said}</span></p>
    ${job === null ? html`<p class="empty">Loading …</p>`
      : job.missing ? html`<p>The platform does not keep this job any more.</p>`
      : html`<${JobDetails} job=${job} />`}
  </dialog>`;
}

function JobDetails({ job }) {
  const lines = job.lines.filter(isOwn).map(readable);
  const waited = job.started ? (job.started - job.created) * 1000 : null;
  const ran = job.finished && job.started ? (job.finished - job.started) * 1000 : null;
  return html`<dl>
      <div><dt>state</dt><dd>${job.status.toLowerCase().replace("_", " ")}</dd></div>
      <div><dt>waited</dt><dd>${milliseconds(waited)}</dd></div>
      <div><dt>ran</dt><dd>${milliseconds(ran)}</dd></div>
      <div><dt>attempt</dt><dd>${job.attempt}</dd></div>
      <div><dt>worker</dt><dd><code>${job.worker ?? "–"}</code></dd></div>
    </dl>
    <h3>Input</h3><pre tabindex="0">${JSON.stringify(job.input, null, 2)}</pre>
    ${job.output !== null && html`<h3>Output</h3><pre tabindex="0">${JSON.stringify(job.output, null, 2)}</pre>`}
    ${job.error !== null && html`<h3>Error</h3><${Failure} error=${job.error} />`}
    ${lines.length > 0 && html`<h3>What the worker printed meanwhile</h3>
      <pre tabindex="0">${lines.join("\n")}</pre>`}`;
}

function Failure({ error }) {
  if (typeof error === "string") return html`<pre class="bad" tabindex="0">${shortened(error)}</pre>`;
  const trace = error.error_traceback ?? error.traceback ?? JSON.stringify(error, null, 2);
  const type = (error.error_type ?? "").replace(/^<class '(.*)'>$/, "$1");
  return html`<p class="bad">${[type, error.error_message].filter(Boolean).join(": ")}</p>
    <pre class="bad" tabindex="0">${shortened(trace)}</pre>`;
}

export function Log() {
  const [endpoint, choose] = useState("");
  const [all, showAll] = useState(false);
  const lines = state.lines
    .filter((line) => (!endpoint || line.endpoint === endpoint) && (all || isOwn(line.text)))
    .slice(-200);
  const box = useRef(null);
  const follows = useRef(true);
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    follows.current = scrollHeight - scrollTop - clientHeight < 24;
  };
  return html`<section aria-labelledby="log"><header class="row"><h2 id="log">Log</h2>
    <label>of <select value=${endpoint} onChange=${(event) => choose(event.target.value)}>
      <option value="">all endpoints</option>
      ${state.endpoints.map((each) => html`<option value=${each.id}>${each.name}</option>`)}
    </select></label>
    <label><input type="checkbox" checked=${all} onChange=${(event) => showAll(event.target.checked)} />
      ${" "}with the lines of the SDK</label></header>
    <pre class="log" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-live="off"
      aria-labelledby="log">${lines.map((line) => html`<span key=${line.number}
        class=${line.stream}><b>${nameOf(line.endpoint)}</b> ${readable(line.text)}${"\n"}</span>`)}</pre>
  </section>`;
}

const SDK = '{"requestId"';
const HEALTH = "GET /ping HTTP";

// Whether a line is not one of the SDK's about its own work, nor about a health check.
function isOwn(text) {
  return !text.includes(HEALTH) && (!text.startsWith(SDK) || /"level": "(ERROR|WARN)/.test(text));
}

// A text without the folder in which flashc keeps the artifact.
function shortened(text) {
  return text.replace(/[^\s"']*\/artifacts\/trees\/[0-9a-f]+\//g, "");
}

// The SDK logs JSON objects, of which people read the message.
function readable(text) {
  if (!text.startsWith(SDK)) return text;
  try {
    const record = JSON.parse(text);
    return `${record.level} ${record.message}`;
  } catch {
    return text;
  }
}
