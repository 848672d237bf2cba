// Three CKAN clients, as their authors published them, against a running gateway. usage: clients.mjs ADDRESS TOKEN CITY OPEN-ID CLOSED-ID DEPARTMENT
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { CKAN } from "@portaljs/ckan";

const require = createRequire(import.meta.url);
const { Portal } = require("ckanapi");
const { Client } = require("ckan");
const [address, token, city, open, closed, department] = process.argv.slice(2);
const mine = `city:${city}`;

// ckanapi: a bare token, POST with a JSON body, with an empty one, and with none.
const anyone = new Portal(address);
const caller = anyone.withToken(token);
assert.equal(await anyone.action.site_read(), true);
assert.equal((await anyone.action.status_show({})).site_url, address);
const all = await caller.action.package_search({ q: "*:*", fq: mine, rows: 100, "facet.field": ["organization", "groups", "tags", "res_format", "license_id"] });
const opened = await anyone.action.package_search({ q: "*:*", fq: mine, rows: 100 });
assert.ok(all.count > opened.count && opened.count > 0, `${all.count} with a token, ${opened.count} without`);
assert.equal(all.results.length, all.count);
assert.ok(opened.results.every(dataset => !dataset.private));
assert.equal(Object.values(all.facets.tags).reduce((sum, count) => sum + count), all.count);
assert.deepEqual(all.facets.license_id, {});
assert.ok(all.search_facets.res_format.items.some(item => item.name === "CSV"));
assert.equal((await caller.action.package_show({ id: closed })).private, true);
assert.equal((await anyone.action.package_show({ id: open })).name, open);
await assert.rejects(anyone.action.package_show({ id: closed }), error => error.__type === "Not Found Error");
await assert.rejects(anyone.action.package_show(), error => error.__type === "Validation Error" && error.id.length === 1);
await assert.rejects(anyone.withToken("made.up.token").action.package_list(), error => error.__type === "Authorization Error");
assert.match(await anyone.documentation({ name: "package_search" }), /fq/);
const form = new FormData();
form.append("fq", `+${mine} +res_format:CSV`);
form.append("rows", "0");
const withRows = await caller.action.package_search(new (require("ckanapi").Payload)(form));
assert.equal(withRows.count, all.facets.res_format.CSV);
assert.equal(withRows.results.length, 0);

// @portaljs/ckan: GET, several values in brackets, lists with details.
const portal = new CKAN(address);
assert.ok((await portal.getDatasetsList()).includes(open));
assert.ok(!(await portal.getDatasetsList()).includes(closed));
assert.equal((await portal.getDatasetDetails(open)).id, open);
await assert.rejects(portal.getDatasetDetails(closed));
const found = await portal.packageSearch({ offset: 0, limit: 5, tags: [], orgs: [department, "0000"], groups: ["c0200", "C0300"], resFormat: ["CSV", "JSON"], query: "", sort: "metadata_modified desc" });
assert.ok(found.count > 0 && found.datasets.every(dataset => dataset.organization.name === department));
assert.equal((await portal.getDatasetsListWithDetails({ offset: 0, limit: 2 })).length, 2);
const organizations = await portal.getOrgList();
assert.ok(organizations.includes(department));
assert.equal((await portal.getOrgsWithDetails(true)).length, organizations.length);
const organization = await portal.getOrgDetails(department);
assert.equal(organization.packages.length, organization.package_count);
assert.ok((await portal.getGroupList()).includes("c0200"));
assert.ok((await portal.getGroupsWithDetails()).every(group => group.package_count > 0 && group.title));
assert.ok((await portal.getGroupDetails("c0200")).packages.length > 0);
assert.ok((await portal.getAllTags()).every(tag => tag.name && tag.display_name));
assert.ok((await portal.getFacetFields("res_format")).includes("CSV"));
assert.ok((await portal.getFacetFields("tags")).length > 0);
const [first] = (await portal.getDatasetDetails(open)).resources;
assert.equal((await portal.getResourceMetadata(first.id)).package_id, open);

// ckan: POST of JSON with the key in a header of its own.
const act = (client, name, data) => new Promise((resolve, reject) => client.action(name, data, (error, answer) => error ? reject(new Error(error)) : resolve(answer.result)));
assert.equal((await act(new Client(address), "dataset_search", { q: "", fq: mine })).count, opened.count);
assert.equal((await act(new Client(address, token), "package_search", { fq: mine })).count, all.count);
assert.equal((await act(new Client(address, token), "package_show", { id: closed })).id, closed);
await assert.rejects(act(new Client(address), "datastore_search", { resource_id: "x" }), /400.*Action name not known: datastore_search/);
console.log("three clients");
