// Make the HTTP request of a form: each argument goes where the route takes it from.

import { ask } from "/page/state.js";

// The fields with the places that only the running endpoint knows, as its OpenAPI document has them.
async function located(endpoint, form) {
  if (!form.fields.some((field) => field.where === "unknown")) return form.fields;
  const reply = await ask(`/lb/${endpoint.id}/openapi.json`);
  if (!reply.ok) throw new Error("the endpoint does not say where its arguments travel");
  const path = form.path.replace(/:\w+}/g, "}");
  const operation = (await reply.json()).paths[path]?.[form.method.toLowerCase()] ?? {};
  const parameters = operation.parameters ?? [];
  const types = Object.keys(operation.requestBody?.content ?? {});
  const isJson = types.includes("application/json");
  // FastAPI makes a schema of this name for a body that has a field for each argument.
  const schema = operation.requestBody?.content[types[0]]?.schema ?? {};
  const hasFields = JSON.stringify(schema).includes("/schemas/Body_");
  return form.fields.map((field) => {
    if (field.where !== "unknown") return field;
    const name = field.name.split(".").at(-1);
    const names = [name, name.replaceAll("_", "-")];
    const found = parameters.find((each) => names.includes(each.name));
    if (found) return { ...field, where: found.in, alias: found.name };
    return { ...field, where: isJson ? "body" : "form", embed: isJson && hasFields };
  });
}

function textOf(value) {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

// The pairs of names and texts that an argument is in a query, a form or headers.
function pairs(field, value) {
  if (field.embed && typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, item]) => pairs({ alias: name }, item));
  }
  const items = Array.isArray(value) ? value : [value];
  return items.map((item) => [field.alias, item instanceof File ? item : textOf(item)]);
}

function bodyOf(fields, given) {
  const inside = (where) => fields.filter((each) => each.where === where && each.name in given);
  const files = inside("file");
  const texts = inside("form");
  if (files.length || texts.length) {
    const form = files.length ? new FormData() : new URLSearchParams();
    for (const field of [...files, ...texts]) {
      for (const [name, item] of pairs(field, given[field.name])) form.append(name, item);
    }
    return { body: form, headers: {} };
  }
  if (!fields.some((each) => each.where === "body")) return { body: undefined, headers: {} };
  const values = inside("body");
  const whole = values.find((field) => !field.embed);
  const object = Object.fromEntries(values.map((field) => [field.alias, given[field.name]]));
  const body = JSON.stringify(whole ? given[whole.name] : object);
  return { body, headers: { "content-type": "application/json" } };
}

export async function routeRequest(endpoint, form, given) {
  const fields = await located(endpoint, form);
  const prefix = `/lb/${endpoint.id}`;
  const query = new URLSearchParams();
  const { body, headers } = bodyOf(fields, given);
  let path = form.path;
  for (const field of fields) {
    if (!(field.name in given)) continue;
    const value = given[field.name];
    if (field.where === "path") {
      const whole = `{${field.alias}:path}`;
      path = path.includes(whole)
        ? path.replace(whole, textOf(value).split("/").map(encodeURIComponent).join("/"))
        : path.replace(new RegExp(`{${field.alias}(:\\w+)?}`), encodeURIComponent(textOf(value)));
    } else if (field.where === "query") {
      for (const [name, item] of pairs(field, value)) query.append(name, item);
    } else if (field.where === "header") {
      for (const [name, item] of pairs(field, value)) headers[name] = item;
    } else if (field.where === "cookie") {
      for (const [name, item] of pairs(field, value)) {
        document.cookie = `${name}=${item}; path=${prefix}; samesite=strict`;
      }
    }
  }
  return [`${prefix}${path}${query.size ? `?${query}` : ""}`, { method: form.method, headers, body }];
}

export function jobRequest(endpoint, form, given) {
  const chosen = form.selects ? { method: form.selects, ...given } : given;
  // An empty input would be refused.
  const input = Object.keys(chosen).length ? chosen : { __empty: true };
  return [
    `/v2/${endpoint.id}/runsync`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input }),
    },
  ];
}
