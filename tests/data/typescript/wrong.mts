import createClient from "openapi-fetch";
import type { paths as CounterPaths } from "./counter.d.ts";
import type { paths as OfferPaths } from "./offers.d.ts";
import type { components, paths as WebPaths } from "./web.d.ts";

const web = createClient<WebPaths>({ baseUrl: "" });
const offers = createClient<OfferPaths>({ baseUrl: "" });
const counter = createClient<CounterPaths>({ baseUrl: "" });
const item: components["schemas"]["Item-Input"] = { name: "tea", size: 2 };

await web.PUT("/item/{number}", { params: { path: { number: 3 } }, body: item }); // wrong: the path
await web.GET("/items/{number}", { params: { path: { number: 3 } } }); // wrong: the method
await web.PUT("/items/{number}", { params: { path: { number: "3" } }, body: item }); // wrong: a text
await web.PUT("/items/{number}", { params: { path: { number: 3 } } }); // wrong: no body
await web.GET("/search/{text}", { params: { path: { text: "a" }, query: { kinds: "used" } } }); // wrong: no member
await web.GET("/orders", { params: { query: { colour: "red" } } }); // wrong: no date
const sizes: [number, number, number] = [1, 2, 3];
const colour: components["schemas"]["Colour"] = "green"; // wrong: no colour
const size: components["schemas"]["Order-Input"]["size"] = sizes; // wrong: too many numbers
await offers.POST("/runsync", { body: { input: { method: "sell" } } }); // wrong: the method of the class
await offers.POST("/runsync", { body: { input: { method: "size", data: 1 } } }); // wrong: no text
await offers.POST("/runsync", { body: { input: { method: "fail", text: "a", more: 1 } } }); // wrong: one too many
await counter.POST("/runsync", { body: { input: { until: "3" } } }); // wrong: no number
const counted = (await counter.POST("/runsync", { body: { input: { until: 3 } } })).data?.output;
const text: string = counted?.[0]; // wrong: a number
const both = (await web.POST("/both", { params: { query: { second: 1 } }, body: item })).data;
const price = both?.price; // wrong: no such value
