// /v1 of the address that this page came from, and what time it is there.

let ahead = 0; // of the server's clock, as its answers tell it

/** The server's time, whatever clock the browser has. */
export const now = () => Date.now() - ahead;

export class ApiError extends Error {
  /** `token`: the one that was refused, which may be an earlier one by now. */
  constructor(status, message, { retryAfter = null, token = null } = {}) {
    super(message);
    Object.assign(this, { status, retryAfter, token });
  }
}

export class Api {
  constructor(token, base = '/v1') {
    this.token = token;
    this.base = base;
  }

  /** The answer's JSON; parameters that are empty are left out. Throws ApiError; status 0: nobody answered. */
  async get(path, parameters = {}) {
    const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== '' && value !== undefined && value !== null));
    const { token } = this;
    let answer;
    try {
      answer = await fetch(`${this.base}${path}${query.size ? `?${query}` : ''}`, { headers: { Authorization: `Bearer ${token}` } });
    } catch {
      throw new ApiError(0, 'The server cannot be reached.');
    }
    const there = Date.parse(answer.headers.get('Date'));
    if (there) ahead = Date.now() - there;
    const body = await answer.json().catch(() => null);
    if (answer.ok && body !== null) return body;
    throw new ApiError(answer.status, body?.error?.message ?? `The server answered ${answer.status}.`,
      { retryAfter: Number(answer.headers.get('Retry-After')) || null, token });
  }
}
