// Reads an AsyncAPI document from standard input; writes what @asyncapi/parser has against it, and what it
// understood: {diagnostics: [severity, code, path, message][], channels, operations: [action, address, messages][]}.
const { Parser } = require("@asyncapi/parser");

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", async () => {
  const { document, diagnostics } = await new Parser().parse(Buffer.concat(chunks).toString("utf8"));
  const operations = document ? document.operations().all() : [];
  process.stdout.write(
    JSON.stringify({
      diagnostics: diagnostics.map((one) => [one.severity, one.code, one.path.join("/"), one.message]),
      channels: document ? document.channels().all().map((one) => one.address()) : [],
      operations: operations.map((one) => [
        one.action(),
        one.channels().all()[0].address(),
        one.messages().all().map((message) => message.id()),
      ]),
    }),
  );
});
