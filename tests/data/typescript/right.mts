import createClient from "openapi-fetch";
import type { paths as CounterPaths } from "./counter.d.ts";
import type { paths as OfferPaths } from "./offers.d.ts";
import type { components, paths as WebPaths } from "./web.d.ts";

declare const process: { env: Record<string, string | undefined> };

const headers = { Authorization: `Bearer ${process.env.KEY}` };
const web = createClient<WebPaths>({ baseUrl: process.env.WEB, headers });
const offers = createClient<OfferPaths>({ baseUrl: process.env.OFFERS, headers });
const counter = createClient<CounterPaths>({ baseUrl: process.env.COUNTER, headers });

const order: components["schemas"]["Order-Input"] = {
  id: "00000000-0000-4000-8000-000000000000",
  when: "2024-01-02T03:04:05",
  lines: [{ name: "tea", size: 2 }],
  colour: "blue",
  size: [2, 3],
};

function show(name: string, value: unknown): void {
  console.log(JSON.stringify([name, value]));
}

const put = await web.PUT("/items/{number}", {
  params: { path: { number: 3 }, query: { dry: true }, header: { "x-who": "me" } },
  body: { name: "tea", size: 2 },
});
const names: string[] | undefined = put.data?.map((item) => item.name);
show("put_item", names);

const refused = await web.PUT("/items/{number}", {
  params: { path: { number: 3 } },
  body: { name: "", size: 2 },
});
const places = refused.error?.detail?.map((each) => each.loc);
show("refused", [refused.response.status, places]);

const found = await web.GET("/search/{text}", {
  params: { path: { text: "a b ä?" }, query: { kinds: "old" } },
});
show("search", [found.data?.text, found.data?.kinds]);

const listed = await web.GET("/orders", {
  params: { query: { since: "2024-01-02", colour: "blue", sizes: [1, 2] } },
});
const first = listed.data?.[0];
show("orders", [first?.colour, first?.lines.map((line) => line.size), first?.when]);

const placed = await web.POST("/orders", { body: order });
if (placed.data !== undefined && "lines" in placed.data) {
  show("place_order", [placed.data.lines, placed.data.size, placed.data.parent]);
}
const soldOut = await web.POST("/orders", { body: { ...order, lines: [] } });
show("sold out", soldOut.data);

const job = await offers.POST("/runsync", {
  body: { input: { method: "make", item: { name: "tea", size: 2 }, until: "2024-01-02" } },
});
const output = job.data?.output;
if (typeof output === "object" && "price" in output) {
  show("make", [output.price, output.until, output.item.name]);
}

const sized = await offers.POST("/runsync", { body: { input: { method: "size", data: "AQI=" } } });
show("size", sized.data?.output);

const failed = await offers.POST("/runsync", {
  body: { input: { method: "fail", text: "what is wrong" } },
});
show("fail", [failed.data?.status, String(failed.data?.error).includes("what is wrong")]);

const counted = await counter.POST("/runsync", { body: { input: { until: 3 } } });
show("count_up", counted.data?.output);
