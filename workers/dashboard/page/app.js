// Signed out or signed in. The form at the door, and the one that takes a new token while the page stays.
import { Api } from './api.js';
import { $ } from './dom.js';
import { setZone } from './format.js';
import { Page } from './page.js';
import { passes } from './refresh.js';
import { claims, forget, keep, stored } from './session.js';
import { Tiles } from './tiles.js';

const RETRY_MS = 3000;
const NO_TOKEN = 'This is no token: it has three parts with dots between them.';
const NOT_VALID = 'This token is not valid, or no longer.';

const tiles = new Tiles($('tiles'));
let page = null; // while signed in
let again; // the next attempt to sign in, when the server did not answer

/** The form, with a sentence; the token is kept when it may still be good. */
function askForToken(reason) {
  page?.close();
  page = null;
  tiles.forget();
  document.title = 'Ringback';
  $('dashboard').hidden = true;
  $('sign-in').hidden = false;
  $('sign-in-error').textContent = reason;
  $('token').value = '';
  $('token').focus();
}

function signOut(reason = '') {
  forget();
  clearTimeout(again);
  $('renew').close();
  askForToken(reason);
}

/** Whose token it is: what /organization says. Throws a sentence for the person, with `later` when the same may succeed. */
async function introduce(token) {
  if (claims(token)?.sub === undefined) throw Object.assign(new Error(NO_TOKEN), { later: false });
  try {
    return (await new Api(token).get('/organization')).data;
  } catch (error) {
    throw Object.assign(new Error(error.status === 401 ? NOT_VALID : error.message.replace(/\.?$/, '.')), { later: passes(error) });
  }
}

/** Goes on with the page that is there if it is this user's and this organization's, else with a new one. */
function enter(token, organization) {
  keep(token);
  if (page?.isOf(claims(token).sub, organization)) return page.renew(token);
  $('organization').textContent = $('organization').title = organization.name;
  $('foot').textContent = setZone(organization.timezone) ? `Days and times are those of ${organization.timezone.replaceAll('_', ' ')}.`
    : `Days are those of ${organization.timezone}, which this browser does not know; times are UTC.`;
  document.title = `${organization.name} · Ringback`;
  $('sign-in').hidden = true;
  $('dashboard').hidden = false;
  page?.close();
  page = new Page(token, organization, tiles, askToRenew);
  return undefined;
}

async function signIn(token) {
  clearTimeout(again);
  if (!globalThis.supabase) return askForToken('This binary was built without the page\'s libraries, because npm was not available: build it again where it is.');
  try {
    return enter(token, await introduce(token));
  } catch (error) {
    if (!error.later) return signOut(error.message);
    keep(token);
    again = setTimeout(() => signIn(token), RETRY_MS);
    return askForToken(`${error.message} Trying again.`);
  }
}

// ---- a new token while the page stays ----

function askToRenew() {
  $('renew-error').textContent = '';
  $('renew-token').value = '';
  $('renew').showModal();
}

async function renew(token) {
  try {
    const organization = await introduce(token);
    $('renew').close();
    ($('call').open ? $('call-title') : $('content')).focus({ preventScroll: true }); // where the focus was has gone
    await enter(token, organization);
  } catch (error) {
    $('renew-error').textContent = error.message;
    $('renew-token').focus();
  }
}

const given = (id) => $(id).value.trim().replace(/^Bearer /i, '');
$('renew-form').addEventListener('submit', (event) => {
  event.preventDefault();
  renew(given('renew-token'));
});
$('renew-cancel').addEventListener('click', () => $('renew').close());
$('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn(given('token'));
});
$('sign-out').addEventListener('click', () => signOut());
$('token').addEventListener('input', () => clearTimeout(again));
addEventListener('hashchange', () => { // a second address with a token, opened in a tab that is signed in
  if (location.hash.startsWith('#token=')) signIn(stored());
});

const token = stored();
if (token) signIn(token);
else signOut();
