// What the page shows: the endpoints as the platform describes them, and what has happened since.

import { FINAL, lineOf } from "/page/words.js";

const KEPT_CALLS = 500;
const KEPT_LINES = 500;
const KEPT_TIMES = 60;
const RETRY = 3000; // milliseconds

export const state = {
  endpoints: [],
  calls: new Map(), // by id: jobs and requests in the order in which they were first heard of
  lines: [],
  times: new Map(), // endpoint -> milliseconds of the last calls
  counts: new Map(), // endpoint -> {done, failed}
  edges: new Map(), // keyOfEdge(caller, callee) -> {count, times}
  faults: { seed: 0, fault: [], counts: [], happened: [] },
  watched: null, // the trace that is looked at: {trace, spans: by their ids, isLoaded}
  message: "", // of the compiler, or of a release
  failed: false, // whether the message is bad news
  connected: false,
};

const listeners = new Set();
let isDue = false;

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Many events may come at once: the page is drawn once for all of them.
function changed() {
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    for (const listener of listeners) listener();
  }, 50);
}

export function nameOf(id) {
  return state.endpoints.find((endpoint) => endpoint.id === id)?.name ?? id ?? "";
}

export async function ask(path, options = {}) {
  const headers = { "x-flashc-page": "1", ...options.headers };
  return fetch(path, { ...options, headers });
}

export function keyOfEdge(caller, callee) {
  return `${caller}\n${callee}`;
}

let refreshing = null;

// The numbers of an endpoint come from the platform: it is asked again after a burst of events.
export function refreshSoon() {
  refreshing ??= setTimeout(async () => {
    refreshing = null;
    try {
      await refresh();
    } catch {
      // the connection is lost, which the stream of events tells
    }
  }, 150);
}

async function refresh() {
  return take(await ask("/page/state"));
}

async function take(answer) {
  if (!answer.ok) throw new Error(`the platform answers ${answer.status}`);
  const found = await answer.json();
  state.endpoints = found.endpoints;
  state.faults = found.faults;
  changed();
  return found;
}

function keep(call) {
  const known = state.calls.get(call.id);
  state.calls.set(call.id, { ...known, ...call });
  while (state.calls.size > KEPT_CALLS) state.calls.delete(state.calls.keys().next().value);
}

function took(endpoint, milliseconds, failed) {
  const times = state.times.get(endpoint) ?? [];
  times.push(milliseconds);
  if (times.length > KEPT_TIMES) times.shift();
  state.times.set(endpoint, times);
  const counts = state.counts.get(endpoint) ?? { done: 0, failed: 0 };
  counts[failed ? "failed" : "done"] += 1;
  state.counts.set(endpoint, counts);
}

function edgeOf(caller, endpoint) {
  const key = keyOfEdge(caller, nameOf(endpoint));
  if (!state.edges.has(key)) state.edges.set(key, { count: 0, times: [] });
  return state.edges.get(key);
}

function passed(caller, endpoint, milliseconds) {
  const { times } = edgeOf(caller, endpoint);
  times.push(milliseconds);
  if (times.length > KEPT_TIMES) times.shift();
}

// Look at a trace until the returned function is called: what has ended of it, and what ends from now on.
export function watchTrace(trace) {
  const watched = { trace, spans: new Map(), isLoaded: false };
  state.watched = watched;
  ask(`/page/trace/${trace}`)
    .then(async (reply) => (reply.ok ? reply.json() : []))
    .catch(() => [])
    .then((spans) => {
      for (const span of spans) watched.spans.set(span.span, span);
      watched.isLoaded = true;
      changed();
    });
  return () => {
    if (state.watched === watched) state.watched = null;
  };
}

// The job or request of a span; one that is not kept here any more as far as the span describes it.
export function callOfSpan(span) {
  if (span.job) return state.calls.get(span.job) ?? { kind: "job", id: span.job, endpoint: span.endpoint };
  for (const call of state.calls.values()) if (call.span === span.span) return call;
  const [method, ...path] = span.name.split(" ");
  return {
    kind: "request", id: span.span, span: span.span, trace: span.trace, endpoint: span.endpoint, at: span.end,
    ms: (span.end - span.start) * 1000, method, path: path.join(" "), status: Number(span.status), worker: span.worker,
  };
}

const handlers = {
  span({ what }) {
    if (what.trace !== state.watched?.trace) return;
    state.watched.spans.set(what.span, what);
    changed();
  },
  faults: refreshSoon,
  fault({ what }) {
    const job = state.calls.get(what.job);
    if (job) job.faults = [...(job.faults ?? []), what.fault];
    refreshSoon();
  },
  call({ what }) {
    edgeOf(what.caller, what.endpoint).count += 1;
    const job = state.calls.get(what.job);
    if (!job) return;
    job.caller = what.caller;
    if (FINAL.has(job.status)) passed(what.caller, what.endpoint, (job.finished - job.created) * 1000);
    changed();
  },
  job({ at, what }) {
    if (!what.endpoint) return;
    const before = state.calls.get(what.id);
    keep({ ...what, kind: "job", at: what.created ?? at });
    if (FINAL.has(what.status) && before?.status !== what.status) {
      const milliseconds = (what.finished - what.created) * 1000;
      took(what.endpoint, milliseconds, what.status !== "COMPLETED");
      if (before?.caller) passed(before.caller, what.endpoint, milliseconds);
    }
    refreshSoon();
  },
  request({ number, at, what }) {
    keep({ ...what, id: `request-${number}`, kind: "request", at });
    took(what.endpoint, what.ms, what.status >= 500);
    if (what.caller) {
      edgeOf(what.caller, what.endpoint).count += 1;
      passed(what.caller, what.endpoint, what.ms);
    }
    changed();
  },
  line({ number, at, what }) {
    state.lines.push({ ...what, ...lineOf(what.text), number, at });
    if (state.lines.length > KEPT_LINES) state.lines.splice(0, state.lines.length - KEPT_LINES);
    changed();
  },
  worker({ at, what }) {
    if (what.state === "crashed") tellNews(at, `A worker of ${nameOf(what.endpoint)} ended.`, true);
    if (what.state === "unhealthy") tellNews(at, `A worker of ${nameOf(what.endpoint)} hangs.`, true);
    refreshSoon();
  },
  release({ at, what }) {
    const name = nameOf(what.endpoint);
    if (what.state === "rolled out") tellCode(at, `${name} answers with the newest code.`, false);
    else tellCode(at, `The new code of ${name} does not start; the old code keeps running.`, true);
    refreshSoon();
  },
  build({ at, what }) {
    tellCode(at, what.text, what.failed);
    refreshSoon();
  },
};

const opened = Date.now() / 1000;

function tell(message, failed) {
  state.message = message;
  state.failed = failed;
  changed();
}

// What was over when the page was opened is no news.
function tellNews(at, message, failed) {
  if (at >= opened - 1) tell(message, failed);
}

// That the newest code does not run is told later, too.
function tellCode(at, message, failed) {
  tell(failed || at >= opened - 1 ? message : "", failed);
}

export async function start() {
  let found;
  try {
    found = await take(await ask("/page/state?recent=1"));
  } catch (error) {
    tell(`The platform can't be reached: ${error.message}`, true);
    setTimeout(start, RETRY);
    return;
  }
  tell("", false);
  for (const event of found.recent) handlers[event.kind]?.(event);
  listen(found.after);
}

// The browser connects again by itself, and says which event it has seen last.  After an answer that is an error it
// gives up; then it is told to try again from there.
function listen(after) {
  const source = new EventSource(`/events?after=${after}`);
  let last = after;
  source.onopen = () => {
    state.connected = true;
    refreshSoon();
    changed();
  };
  source.onerror = () => {
    state.connected = false;
    changed();
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(last), RETRY);
  };
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => {
      last = event.lastEventId;
      handle(JSON.parse(event.data));
    });
  }
}
