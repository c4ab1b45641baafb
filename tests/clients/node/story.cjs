// What a person does with Cloud Storage by @google-cloud/storage: node story.cjs BUCKET SMALL BIG BACK
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const { pipeline } = require("node:stream/promises");
const { Storage } = require("@google-cloud/storage");

async function main([name, small, big, back]) {
  const storage = new Storage({ retryOptions: { autoRetry: false } });
  const [bucket] = await storage.createBucket(name, { location: "US-WEST1" });
  await bucket.upload(small, { destination: "small" }); // resumable, whose first range has no end
  await bucket.upload(small, { destination: "at-once", resumable: false });
  await bucket.upload(big, { destination: "big", chunkSize: 4 * 1024 * 1024 });
  await pipeline(fs.createReadStream(small), bucket.file("stream").createWriteStream());
  await bucket.file("big").download({ destination: back, validation: "crc32c" });
  assert.ok(fs.readFileSync(big).equals(fs.readFileSync(back)));
  const [part] = await bucket.file("small").download({ start: 1, end: 3 });
  assert.ok(part.equals(fs.readFileSync(small).subarray(1, 4)));
  await bucket.file("small").setMetadata({ metadata: { colour: "blue" } });
  const [metadata] = await bucket.file("small").getMetadata();
  assert.strictEqual(metadata.metadata.colour, "blue");
  await bucket.combine(["small", "at-once"], "two");
  await bucket.file("two").move("moved");
  const found = [];
  for (let query = { maxResults: 2, autoPaginate: false }; query; ) {
    const [files, next] = await bucket.getFiles(query);
    found.push(...files.map((file) => file.name));
    query = next;
  }
  assert.deepStrictEqual(found, ["at-once", "big", "moved", "small", "stream"]);
  const [policy] = await bucket.iam.getPolicy({ requestedPolicyVersion: 3 });
  policy.bindings.push({ role: "roles/storage.objectViewer", members: ["user:operator@secundus.example"] });
  await bucket.iam.setPolicy(policy);
  await assert.rejects(bucket.setMetadata({ billing: { requesterPays: true } }), /does not have a bucket's `billing`/);
  await assert.rejects(bucket.file("none").download(), (error) => error.code === 404);
  await bucket.deleteFiles();
  await bucket.delete();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
