// /v1 of the address that this page came from.

export class ApiError extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
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
    let answer;
    try {
      answer = await fetch(`${this.base}${path}${query.size ? `?${query}` : ''}`, { headers: { Authorization: `Bearer ${this.token}` } });
    } catch {
      throw new ApiError(0, 'The server cannot be reached.');
    }
    const body = await answer.json().catch(() => null);
    if (answer.ok && body !== null) return body;
    throw new ApiError(answer.status, body?.error?.message ?? `The server answered ${answer.status}.`, Number(answer.headers.get('Retry-After')) || null);
  }
}
