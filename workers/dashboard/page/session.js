// Who is signed in: the token of this tab. It comes from the form, or from the address behind '#token=', which no browser
// sends to a server and which is taken out of the address at once. It leaves this page only in requests to its own origin.

const KEY = 'ringback.token';

function fromAddress() {
  const given = /^#token=(.+)$/.exec(location.hash);
  if (!given) return null;
  history.replaceState(null, '', location.pathname);
  return decodeURIComponent(given[1]);
}

/** The claims, unchecked: only to know what to show. The server checks. NULL: no token at all. */
export function claims(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

export function stored() {
  const token = fromAddress() ?? sessionStorage.getItem(KEY);
  if (token) sessionStorage.setItem(KEY, token);
  return token;
}

export const keep = (token) => sessionStorage.setItem(KEY, token);
export const forget = () => sessionStorage.removeItem(KEY);
