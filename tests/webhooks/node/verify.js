// Verifies captured deliveries with npm's standardwebhooks: reads {secrets, headers, body}[] from standard
// input, writes [index, error][] of those that don't verify with any of their secrets.
const { Webhook } = require("standardwebhooks");

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  const failures = [];
  JSON.parse(Buffer.concat(chunks).toString("utf8")).forEach(({ secrets, headers, body }, index) => {
    let reason = "no secret";
    const verified = secrets.some((secret) => {
      try {
        new Webhook(secret).verify(Buffer.from(body, "base64").toString("utf8"), headers);
        return true;
      } catch (error) {
        reason = String(error);
        return false;
      }
    });
    if (!verified) failures.push([index, reason]);
  });
  process.stdout.write(JSON.stringify(failures));
});
