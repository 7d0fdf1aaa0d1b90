// What the stores and the voice providers send, and what must come of it. A "thing" (an order, a checkout, a call ...) is a
// handful of events and the rows that they must leave, whatever is repeated, reordered or delayed. Everything but the hour
// at which the run began is a function of the seed.
import { retellCall, twilioCall, vapiCall } from '../../live/lib/voice.mjs';

const MINUTE = 60000;
const OPEN_THINGS = 30; // that take turns in sending
const ABANDON_MS = 30 * MINUTE;
const whole = (ms) => Math.floor(ms / 1000) * 1000; // Shopify's clocks have seconds
const time = (ms) => new Date(whole(ms)).toISOString().replace('.000Z', '+00:00');
const PHONES = ['+919811122233', '+919811122234', '+919811122235', '+14155550123'];

/** The last of `list` that is not null: what is missing in a newer version does not erase. */
const lastKnown = (list) => list.reduce((known, value) => value ?? known, null);

export class Traffic {
  /** `shops`: [{ domain, organization, secret }]; `spanMs`: how long events will be sent. */
  constructor(random, shops, began, spanMs) {
    Object.assign(this, { random, shops, began, spanMs, serial: 0, open: [], events: 0 });
    this.expected = { orders: new Map(), carts: new Map(), customers: new Map(), products: new Map(), calls: new Map(), letters: new Map() };
  }

  /** The next event to send. */
  next() {
    while (this.open.length < OPEN_THINGS) this.open.push(this.thing());
    return this.take();
  }

  /** What is still to come of things that have begun; null: nothing. */
  rest() {
    return this.open.length === 0 ? null : this.take();
  }

  take() {
    const at = this.random.int(0, this.open.length), events = this.open[at];
    const event = events.shift();
    if (events.length === 0) this.open.splice(at, 1);
    this.events++;
    return event;
  }

  /** A thing's events in the order in which they are sent: some swapped, some sent again. */
  thing() {
    const { random } = this;
    const kind = random.weighted({ order: 34, checkout: 22, customer: 8, product: 8, call: 18, poison: 10 });
    const events = this[kind](++this.serial, random.pick(this.shops));
    if (random.chance(0.3)) random.shuffle(events);
    if (random.chance(0.3)) events.splice(random.int(0, events.length + 1), 0, random.pick(events));
    if (random.chance(0.05)) events.push(...events); // the whole story once more
    return events;
  }

  /** One of a store's webhooks. `happened` orders those of the same second. */
  shopify(shop, topic, body, happened) {
    const id = `${this.serial}-${topic}-${happened}`;
    return { topic, shop: shop.domain, secret: shop.secret, id, triggered: new Date(happened).toISOString(), body: typeof body === 'string' ? body : JSON.stringify(body) };
  }

  // ---- orders ----------------------------------------------------------------------------------------------------------
  orderBody(n, created, more = {}) {
    return {
      id: 8000000000 + n, name: `#${n}`, created_at: time(created), updated_at: time(created), currency: 'INR', current_total_price: `${n}.50`,
      financial_status: 'pending', fulfillment_status: null, payment_gateway_names: ['Cash on Delivery (COD)'], phone: null, email: `c${n}@example.com`,
      note: null, cancelled_at: null, shipping_address: { name: `Asha Rao ${n}`, country_code: 'IN', city: 'Pune' }, line_items: [], ...more,
    };
  }

  order(n, shop) {
    const { random } = this;
    const created = whole(this.began - random.int(1, 3 * 24 * 60) * MINUTE), cod = random.chance(0.7);
    const topics = ['orders/create', 'orders/updated', 'orders/paid', 'orders/fulfilled', 'orders/updated'];
    const versions = [], events = [];
    let at = created;
    for (let v = 0, count = random.int(1, 6); v < count; v++) {
      at += random.chance(0.3) ? 0 : random.int(1, 40) * 1000; // two versions of one second are told apart by X-Shopify-Triggered-At
      const version = {
        total: `${random.int(1, 90000)}.${random.int(10, 100)}`, note: random.chance(0.4) ? `ring ${v}` : null, phone: random.chance(0.5) ? random.pick(PHONES) : null,
        cancelled: v > 0 && random.chance(0.15) ? time(at) : null, paid: v > 1 && random.chance(0.3),
        lines: Array.from({ length: random.int(1, 4) }, (_, i) => ({ id: i + 1, title: `Lamp ${v}.${i}`, quantity: i + 1, price: '5.00' })),
      };
      versions.push(version);
      events.push(this.shopify(shop, topics[v], this.orderBody(n, created, {
        updated_at: time(at), current_total_price: version.total, note: version.note, phone: version.phone, cancelled_at: version.cancelled,
        financial_status: version.paid ? 'paid' : 'pending', payment_gateway_names: [cod ? 'Cash on Delivery (COD)' : 'razorpay'], line_items: version.lines,
      }), at + v));
    }
    const gone = random.chance(0.1);
    if (gone) events.push(this.shopify(shop, 'orders/delete', { id: 8000000000 + n }, at + 60000));
    const last = versions.at(-1), phone = lastKnown(versions.map((v) => v.phone));
    const triggered = !cod || last.cancelled || last.paid ? 'not_applicable' : phone ? 'ready' : 'missing_phone';
    this.expected.orders.set(`${shop.domain}/${8000000000 + n}`, gone ? null : {
      organization: shop.organization, number: `#${n}`, total: Number(last.total), note: lastKnown(versions.map((v) => v.note)), phone, cod: cod ? 'cod' : 'prepaid',
      financial: last.paid ? 'paid' : 'pending', cancelled: last.cancelled, trigger: triggered, lines: last.lines.map((l) => `${l.title} x${l.quantity}`),
    });
    return events;
  }

  // ---- checkouts -------------------------------------------------------------------------------------------------------
  checkout(n, shop) {
    const { random } = this;
    const kind = random.weighted({ left: 30, soon: 20, recovered: 30, bought: 12, deleted: 8 });
    // `soon`: its half hour ends while we run, and a timer has to notice.
    const born = kind === 'soon' ? whole(this.began - ABANDON_MS + random.int(0, Math.max(1000, this.spanMs - 5000))) : whole(this.began - random.int(200, 2000) * MINUTE);
    const token = `tok-${n}`, phone = random.chance(0.7) ? random.pick(PHONES) : null;
    const body = {
      id: 7000000000 + n, token, cart_token: `cart-${n}`, email: `c${n}@example.com`, phone, created_at: time(born), updated_at: time(born), currency: 'INR',
      total_price: `${n}.50`, completed_at: null, abandoned_checkout_url: `https://shop.example/${n}`, line_items: [{ title: 'Lamp', quantity: 1, price: `${n}.50` }],
    };
    const touched = kind === 'soon' ? born : born + 4 * MINUTE;
    const events = [this.shopify(shop, 'checkouts/create', body, born)];
    if (kind !== 'soon') events.push(this.shopify(shop, 'checkouts/update', { ...body, updated_at: time(touched), total_price: `${n}.75`, phone: null }, touched));
    const cart = { organization: shop.organization, total: kind === 'soon' ? n + 0.5 : n + 0.75, phone, status: 'abandoned', abandoned: touched + ABANDON_MS, recovered: null, order: null,
      trigger: phone ? 'ready' : 'missing_phone' };
    if (kind === 'recovered' || kind === 'bought') {
      const bought = touched + (kind === 'bought' ? 2 : 90) * MINUTE, id = 8000000000 + n;
      events.push(this.shopify(shop, 'checkouts/update', { ...body, updated_at: time(bought), completed_at: time(bought), total_price: `${n}.75`, phone: null }, bought));
      const order = this.orderBody(n, bought, { checkout_token: token, cart_token: `cart-${n}`, phone, line_items: [{ id: 1, title: 'Lamp', quantity: 1, price: '5.00' }] });
      events.push(this.shopify(shop, 'orders/create', order, bought));
      this.expected.orders.set(`${shop.domain}/${id}`, { organization: shop.organization, number: `#${n}`, total: n + 0.5, note: null, phone, cod: 'cod', financial: 'pending', cancelled: null,
        trigger: phone ? 'ready' : 'missing_phone', lines: ['Lamp x1'] });
      Object.assign(cart, { status: 'recovered', recovered: bought, order: String(id), trigger: 'not_applicable' });
    }
    if (kind === 'deleted') events.push(this.shopify(shop, 'checkouts/delete', { id: 7000000000 + n, token, cart_token: `cart-${n}` }, touched + MINUTE));
    this.expected.carts.set(`${shop.domain}/${token}`, kind === 'bought' || kind === 'deleted' ? null : cart);
    return events;
  }

  // ---- customers and products --------------------------------------------------------------------------------------------
  customer(n, shop) {
    const { random } = this;
    const events = [], id = 6000000000 + n, versions = [];
    const born = whole(this.began - random.int(100, 9000) * MINUTE);
    for (let v = 0, count = random.int(1, 4); v < count; v++) {
      const version = { first_name: `Asha ${v}`, phone: random.chance(0.5) ? random.pick(PHONES) : null };
      versions.push(version);
      events.push(this.shopify(shop, v === 0 ? 'customers/create' : 'customers/update',
        { id, ...version, last_name: 'Rao', email: `k${n}@example.com`, created_at: time(born), updated_at: time(born + v * 1000) }, born + v * 1000));
    }
    // An order of this customer, which may come before or after it.
    const order = this.orderBody(n, born + MINUTE, { customer: { id, first_name: versions[0].first_name, last_name: 'Rao', email: `k${n}@example.com`, updated_at: time(born) }, line_items: [] });
    events.push(this.shopify(shop, 'orders/create', order, born + MINUTE));
    const gone = random.chance(0.1), phone = lastKnown(versions.map((v) => v.phone));
    if (gone) events.push(this.shopify(shop, 'customers/delete', { id }, born + 2 * MINUTE));
    this.expected.customers.set(`${shop.domain}/${id}`, gone ? null : { organization: shop.organization, name: `${versions.at(-1).first_name} Rao`, phone, email: `k${n}@example.com` });
    this.expected.orders.set(`${shop.domain}/${8000000000 + n}`, { organization: shop.organization, number: `#${n}`, total: n + 0.5, note: null, phone: null, cod: 'cod', financial: 'pending',
      cancelled: null, trigger: 'missing_phone', lines: [] });
    return events;
  }

  product(n, shop) {
    const { random } = this;
    const events = [], id = 5000000000 + n;
    const born = whole(this.began - random.int(100, 9000) * MINUTE);
    let last;
    for (let v = 0, count = random.int(1, 4); v < count; v++) {
      last = { title: `Lamp ${n} v${v}`, status: random.pick(['active', 'draft', 'archived']), variants: Array.from({ length: random.int(1, 3) }, (_, i) => ({ id: 100 * n + i, title: `Size ${i}`, price: `${v + 1}.00` })) };
      events.push(this.shopify(shop, v === 0 ? 'products/create' : 'products/update', { id, ...last, created_at: time(born), updated_at: time(born + v * 1000) }, born + v * 1000));
    }
    const gone = random.chance(0.15);
    if (gone) events.push(this.shopify(shop, 'products/delete', { id }, born + MINUTE));
    this.expected.products.set(`${shop.domain}/${id}`, gone ? null : { organization: shop.organization, title: last.title, status: last.status, variants: last.variants.map((v) => `${v.title} ${Number(v.price)}`) });
    return events;
  }

  // ---- calls -----------------------------------------------------------------------------------------------------------
  call(n, shop) {
    const kind = this.random.pick(['retell', 'vapi', 'twilio']), id = `${kind}-${n}`, to = this.random.pick(PHONES);
    const metadata = { organization_id: shop.organization, payment_type: 'cod' };
    const made = {
      retell: () => ({ bodies: retellCall(id, { metadata, to }), seconds: 61, lines: 3 }),
      vapi: () => ({ bodies: vapiCall(id, { metadata, customer: to }), seconds: 45, lines: 2 }),
      twilio: () => ({ bodies: twilioCall(id, { to }), seconds: 10, lines: 0, query: `organization_id=${shop.organization}&payment_type=cod` }),
    }[kind]();
    this.expected.calls.set(id, { organization: shop.organization, status: 'ended', outcome: 'answered', seconds: made.seconds, lines: made.lines, recordings: 1 });
    const raw = (body) => (kind === 'twilio' ? new URLSearchParams(body).toString() : JSON.stringify(body));
    return made.bodies.map((body) => ({ provider: kind, query: made.query, body: raw(body) }));
  }

  // ---- what can never become a row -----------------------------------------------------------------------------------------
  poison(n, shop) {
    const order = (more) => JSON.stringify({ ...this.orderBody(n, this.began - MINUTE), ...more });
    const nobody = `nobody-${n}.myshopify.com`;
    const kinds = {
      cut: ['malformed_body', `{"id": ${n}, "total_price": "1`],
      list: ['malformed_body', `[${n}]`],
      price: ['invalid_value', order({ current_total_price: '1.2.3' })],
      id: ['invalid_value', order({ id: { n } })],
      rule: ['constraint_violation', order({ source_name: 'poison' })], // a CHECK of the harness: only PostgreSQL knows
      stranger: ['unknown_shop', order({})],
      caller: ['unknown_call', null],
    };
    const kind = this.random.pick(Object.keys(kinds)), [reason, body] = kinds[kind];
    if (kind === 'caller') {
      const id = `stray-${n}`, events = retellCall(id, { agent: 'agent_nobody', from: '+14155550999' }).slice(0, 2).map((b) => ({ provider: 'retell', body: JSON.stringify(b) }));
      for (const event of events) this.letter('retell', id, reason, event.body);
      return events;
    }
    const where = kind === 'stranger' ? { ...shop, domain: nobody } : shop;
    const event = this.shopify(where, 'orders/create', body, this.began - MINUTE);
    if (kind === 'stranger') event.secret = this.shops[0].secret;
    this.letter('orders/create', where.domain, reason, body);
    return [event];
  }

  letter(topic, key, reason, body) {
    this.expected.letters.set(`${reason} ${key} ${body}`, topic);
  }
}
