// The servers that ours is measured beside: peers/NAME/package.json and server.mjs. Their packages are installed once, into build/.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const bench = join(dirname(fileURLToPath(import.meta.url)), '..'), build = join(bench, '../../build');

/** The folder with the peer's packages; a changed list of them gets a folder of its own. */
export function installed(name) {
  const list = join(bench, 'peers', name, 'package.json');
  const folder = join(build, `bench-${name}-${createHash('sha256').update(readFileSync(list)).digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(build, { recursive: true });
  const fresh = mkdtempSync(`${folder}.`);
  copyFileSync(list, join(fresh, 'package.json'));
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', fresh], { stdio: ['ignore', 'ignore', 'inherit'], timeout: 180000 });
  try {
    renameSync(fresh, folder); // whole or not at all
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(fresh, { recursive: true });
  }
  return folder;
}

/** Starts a peer. Its first line says that it is ready, "listening PORT" when it listens. */
export async function startPeer(name, env = {}, script = 'server.mjs') {
  const folder = installed(name);
  copyFileSync(join(bench, 'peers', name, script), join(folder, script)); // where its packages are found
  const child = spawn(process.execPath, [join(folder, script)], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_ENV: 'production', ...env } });
  const lines = createInterface(child.stdout), [line] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [''])]);
  if (line === '') throw new Error(`the peer ${name} ended before it was ready`);
  return { child, lines, line, address: `127.0.0.1:${/\d+/.exec(line)?.[0]}`,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    } };
}
