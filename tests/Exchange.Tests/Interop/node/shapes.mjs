// Catalogues in Turtle and JSON-LD: both parse, both are the same graph, and neither breaks a shape of DCAT-AP. usage: shapes.mjs SHAPES-FOLDER FILE.ttl FILE.jsonld …
import { readFileSync } from "node:fs";
import { join } from "node:path";
import jsonld from "jsonld";
import { Parser, Store } from "n3";
import Validator from "rdf-validate-shacl";

const [folder, ...files] = process.argv.slice(2);
const violation = "http://www.w3.org/ns/shacl#Violation";
// The lists that the shapes would import are not here; what is asked of them stands in the documents themselves.
const shapesOf = name => new Parser().parse(readFileSync(join(folder, `${name}.ttl`), "utf8")).filter(quad => quad.predicate.value !== "http://www.w3.org/2002/07/owl#imports");
const shapes = ["shapes", "range", "mdr-vocabularies.shape", "shapes_recommended", "deprecateduris"].map(name => [name, new Validator(new Store(shapesOf(name)))]);
const quads = async file => file.endsWith(".ttl")
    ? new Parser().parse(readFileSync(file, "utf8"))
    : new Parser({ format: "N-Quads" }).parse(await jsonld.toRDF(JSON.parse(readFileSync(file, "utf8")), { format: "application/n-quads", documentLoader: () => { throw new Error("no document is fetched"); } }));

let faults = 0;
const graphs = {};
for (const file of files) {
    const graph = await quads(file);
    // Pages link to pages of their own form: the one difference that is meant.
    const triples = graph.map(quad => JSON.stringify([quad.subject, quad.predicate, quad.object]).replace(/(\/catalog)\.(ttl|jsonld)/g, "$1")).sort();
    const other = graphs[file.replace(/\.[a-z]+$/, "")];
    graphs[file.replace(/\.[a-z]+$/, "")] = triples;
    const same = other && JSON.stringify([...new Set(other)]) === JSON.stringify([...new Set(triples)]);
    if (other && !same) {
        faults++;
        const missing = triples.filter(triple => !other.includes(triple)).concat(other.filter(triple => !triples.includes(triple)));
        console.log(`${file}: another graph than in the other form, for example ${missing.slice(0, 3).join("\n")}`);
    }

    // The same graph breaks the same shapes.
    for (const [name, validator] of same ? [] : shapes) {
        for (const result of (await validator.validate(new Store(graph))).results.filter(result => result.severity?.value === violation)) {
            faults++;
            console.log(`${file}: ${name}: ${result.focusNode?.value} ${result.path?.value ?? ""} ${result.value?.value ?? ""} ${result.message.map(text => text.value).join(" ")} ${result.sourceConstraintComponent?.value}`);
        }
    }

    console.log(`${file}: ${graph.length} triples`);
}

process.exit(faults === 0 ? 0 : 1);
