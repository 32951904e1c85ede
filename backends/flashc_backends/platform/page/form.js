// A form that sends a request, made from the signature of the endpoint's function.

import { html, useState } from "/page/vendor/htm-preact.js";
import { jobRequest, routeRequest } from "/page/request.js";
import { ask } from "/page/state.js";

const NUMBERS = new Set(["int", "float"]);
// Where an argument travels, if that is not what everybody expects.
const PLACES = { header: "a header", cookie: "a cookie", file: "a file", form: "in the form" };

function baseOf(annotation) {
  return (annotation ?? "").split("|")[0].split("[")[0].trim().replace(/^["']|["']$/g, "");
}

// What the user typed as the value of a parameter; undefined leaves the parameter to its default.
function valueOf(field, text) {
  const base = baseOf(field.annotation);
  if (text instanceof File) return text;
  if (base === "bool") return text === "" ? undefined : text === "true";
  if (text === "" && (field.default !== null || base !== "str")) return undefined;
  if (base === "str") return text;
  try {
    return JSON.parse(text);
  } catch {
    if (NUMBERS.has(base) || ["list", "dict", "tuple"].includes(base)) {
      throw new Error(`${field.name}: ${base} expected, in the notation of JSON`);
    }
    return text;
  }
}

function givenOf(form, values) {
  const given = {};
  for (const field of form.fields) {
    const value = valueOf(field, values[field.name] ?? "");
    if (value !== undefined) given[field.name] = value;
  }
  return given;
}

export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function RequestForm({ endpoint }) {
  const { forms } = endpoint.shape;
  const [chosen, choose] = useState(0);
  const [values, setValues] = useState({});
  const [raw, setRaw] = useState('{"input": {}}');
  const [answer, setAnswer] = useState(null);
  const form = forms[chosen] ?? forms[0];
  const id = `form-${endpoint.id}`;

  async function send(event) {
    event.preventDefault();
    setAnswer({ text: "", status: "sending …" });
    const began = performance.now();
    try {
      const [path, options] = form
        ? await (endpoint.balanced ? routeRequest : jobRequest)(endpoint, form, givenOf(form, values))
        : [`/v2/${endpoint.id}/runsync`, {
            method: "POST", headers: { "content-type": "application/json" }, body: raw,
          }];
      const reply = await ask(path, options);
      const text = pretty(await reply.text());
      const took = Math.round(performance.now() - began);
      setAnswer({ text, status: `${reply.status} in ${took} ms`, failed: !reply.ok });
    } catch (error) {
      setAnswer({ text: String(error.message ?? error), status: "not sent", failed: true });
    }
  }

  return html`<form class="request" onSubmit=${send}>
    ${forms.length > 1 && html`<label for="${id}-form">${endpoint.balanced ? "Route" : "Method"}
      <select id="${id}-form" value=${chosen}
        onChange=${(event) => { choose(Number(event.target.value)); setValues({}); }}>
        ${forms.map((each, index) => html`<option value=${index}>${each.title}</option>`)}
      </select></label>`}
    ${form?.summary && html`<p class="hint">${form.summary}</p>`}
    ${form ? form.fields.map((field) => html`<${Field} key=${`${chosen}-${field.name}`}
        field=${field} id=${`${id}-${field.name}`} value=${values[field.name] ?? ""}
        set=${(text) => setValues({ ...values, [field.name]: text })} />`)
      : html`<label for="${id}-raw">Body<textarea id="${id}-raw" rows="3" value=${raw}
          onInput=${(event) => setRaw(event.target.value)} /></label>`}
    <button type="submit">Send${form ? html` <span class="quiet">${form.title}</span>` : ""}</button>
    <output aria-live="polite" class=${answer?.failed ? "bad" : ""}>
      ${answer && html`<span class="status">${answer.status}</span>
        ${answer.text && html`<pre tabindex="0">${answer.text}</pre>`}`}
    </output>
  </form>`;
}

function Field({ field, id, value, set }) {
  const base = baseOf(field.annotation);
  const hint = [field.annotation, PLACES[field.where], field.default ? `default ${field.default}` : ""]
    .filter(Boolean)
    .join(", ");
  const change = (event) => set(event.target.value);
  const needed = field.default === null;
  const common = { id, "aria-describedby": `${id}-hint` };
  return html`<div class="field">
    <label for=${id}>${field.name}</label>
    ${field.where === "file"
      ? html`<input ...${common} type="file" required=${needed}
          onChange=${(event) => set(event.target.files[0] ?? "")} />`
      : base === "bool"
      ? html`<select ...${common} value=${value} onChange=${change} required=${needed}>
          <option value="">${needed ? "choose" : "default"}</option>
          <option>true</option><option>false</option></select>`
      : NUMBERS.has(base)
        ? html`<input ...${common} type="number" step=${base === "int" ? 1 : "any"} value=${value}
            onInput=${change} required=${needed} />`
        : html`<input ...${common} type="text" value=${value} onInput=${change}
            required=${needed && base !== "str"} />`}
    <span id="${id}-hint" class="hint">${hint}</span>
  </div>`;
}
