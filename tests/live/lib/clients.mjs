// The unmodified npm clients of tests/live/package.json, installed once into build/test-clients (or a scratch folder).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const list = join(dirname(fileURLToPath(import.meta.url)), '..', 'package.json');
const dependencies = JSON.parse(readFileSync(list, 'utf8')).dependencies;

function install() {
  const root = process.env.RINGBACK_SOURCE_DIR ? join(process.env.RINGBACK_SOURCE_DIR, 'build') : tmpdir();
  const name = `test-clients-${createHash('sha256').update(readFileSync(list)).digest('hex').slice(0, 12)}`;
  const folder = join(root, name);
  if (existsSync(folder)) return folder;
  mkdirSync(root, { recursive: true });
  const fresh = mkdtempSync(`${folder}.`);
  copyFileSync(list, join(fresh, 'package.json'));
  execFileSync('npm', ['install', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', fresh],
    { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    renameSync(fresh, folder); // whole or not at all, also when two tests install at once
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(fresh, { recursive: true });
  }
  return folder;
}

export const folder = install();
const require = createRequire(join(folder, 'package.json'));
export const WebSocket = require('ws');
/** What tests of the REST API take from npm: a JSON Schema validator, one of OpenAPI documents, and a maker of clients. */
export const Ajv = require('ajv/dist/2020').default;
export const addFormats = require('ajv-formats').default;
export const OpenApiClient = require('openapi-client-axios').default;
export const openApiValidator = async () =>
  new (await import(pathToFileURL(require.resolve('@seriousme/openapi-schema-validator')))).Validator();

/** A headless browser; Debian's. Its own requests home are off, so that every request it makes is the page's. */
export function browser() {
  return require('playwright-core').chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
}

/** The source of axe-core, which looks for faults that shut people out. */
export const axe = () => readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const major = (range) => Number(/(\d+)/.exec(range ?? '0')[1]);
const mine = Number(process.versions.node.split('.')[0]);

/** Every installed supabase-js that this Node runs: [{ version, createClient, realtime }]; `realtime` are options that it
 * needs here: Node before 22 has no WebSocket of its own; 2.49 brings one, and listens to none that it is given. */
export const versions = Object.keys(dependencies).filter((name) => name.startsWith('supabase-'))
  .filter((name) => major(require(`${name}/package.json`).engines?.node) <= mine)
  .map((name) => ({ version: require(`${name}/package.json`).version, createClient: require(name).createClient,
    realtime: name === 'supabase-2.49' ? {} : { transport: WebSocket } }));
