// How the page writes times, states, errors and lines of workers.

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const FINAL = new Set(["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"]);
const BAD = new Set(["FAILED", "TIMED_OUT", "EXPIRED"]);

export function timeOf(seconds) {
  return clock.format(new Date(seconds * 1000));
}

export function milliseconds(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

export function counted(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

export function cut(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

export function quantile(values, share) {
  if (!values?.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

// The state of a job, or the status of HTTP.
export function stateOf(status) {
  return String(status ?? "").toLowerCase().replaceAll("_", " ");
}

// Whether a state of a job, or a status of HTTP, is bad news.
export function isBad(status) {
  return BAD.has(status) || Number(status) >= 400;
}

const SDK = '{"requestId"';
const HEALTH = "GET /ping HTTP";

// Whether a line is not one of the SDK's about its own work, nor about a health check.
function isOwn(text) {
  return !text.includes(HEALTH) && (!text.startsWith(SDK) || /"level": "(ERROR|WARN)/.test(text));
}

const FOLDER = /\/(?:artifacts\/trees\/|workers\/py[\d.]+-)[0-9a-f]+\//g;

// A text without the folders in which flashc keeps the artifact and the packages of the worker image.
export function shortened(text) {
  let shown = "";
  let end = 0;
  for (const found of text.matchAll(FOLDER)) {
    // The path begins after a blank or a quote.  An expression for it would take long for long words.
    let begin = found.index;
    while (begin > end && !/[\s"']/.test(text[begin - 1])) begin -= 1;
    shown += text.slice(end, begin);
    end = found.index + found[0].length;
  }
  return shown + text.slice(end);
}

// An exception as the SDK describes it: its type and message, and its traceback.
export function failureOf(error) {
  if (typeof error !== "object" || error === null) return { title: "", text: shortened(String(error)) };
  const type = String(error.error_type ?? "").replace(/^<class '(.*)'>$/, "$1");
  const trace = error.error_traceback ?? error.traceback ?? JSON.stringify(error, null, 2);
  return {
    title: [type, error.error_message].filter(Boolean).join(": "),
    text: shortened(String(trace)).trimEnd(),
  };
}

// A line as people read it, and whether it is not one of the SDK's about its own work.
export function lineOf(text) {
  return { own: isOwn(text), shown: shortened(readable(text)) };
}

// The SDK logs JSON objects, and people read their messages; the message of a failed job is the text of such an object, too.
function readable(text) {
  if (!text.startsWith(SDK)) return text;
  let record = null;
  try {
    record = JSON.parse(text);
    const failure = JSON.parse(record.message);
    if (failure?.error_traceback) return `${record.level} ${failureOf(failure).text}`;
  } catch {
    // it is not JSON: shown as it is
  }
  return record === null ? text : `${record.level} ${record.message}`;
}
