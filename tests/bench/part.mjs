// Runs one part between the servers that with_servers started, and writes its rows: part.mjs NAME ROUNDS QUICK FILE
import { writeFileSync } from 'node:fs';

const [name, rounds, quick, file] = process.argv.slice(2), began = Date.now();
const say = (text) => process.stderr.write(`[${name} ${String(Math.round((Date.now() - began) / 1000)).padStart(3)} s] ${text}\n`);
try {
  const { run } = await import(`./parts/${name}.mjs`);
  writeFileSync(file, JSON.stringify(await run({ rounds: Number(rounds), quick: quick === 'true', say })));
  process.exit(0); // whatever is still open: with_servers ends it
} catch (error) {
  say(error.stack);
  process.exit(1);
}
