// How an order and a cart look in their lists.
import { badge, tone, when } from './badge.js';
import { el } from './dom.js';
import { count, money } from './format.js';

const PAYMENT = { cod: 'COD', prepaid: 'Prepaid', unknown: 'Payment unknown' };
const CALLABLE = { ready: 'Ready to call', missing_phone: 'No phone' };

const entry = (title, under, amount, badges) => [
  el('div.who', {}, el('strong', { dir: 'auto', title }, title), el('span.muted.small', {}, under)),
  el('div.badges', {}, badges),
  el('b.amount', {}, amount),
];

export function drawOrder(order) {
  const cancelled = Boolean(order.cancelled_at);
  return entry(order.customer_name || 'Unknown customer', [`${order.order_number ?? ''} · `, when(order.order_created_at)],
    money(order.total_amount, order.currency, true), [
      badge(PAYMENT[order.payment_type] ?? order.payment_type, tone(order.payment_type)),
      cancelled ? badge('Cancelled', 'bad')
        : CALLABLE[order.trigger_ready] ? badge(CALLABLE[order.trigger_ready], tone(order.trigger_ready))
          : order.financial_status !== 'pending' ? badge(order.financial_status, tone(order.financial_status)) : null,
    ]);
}

export function drawCart(cart) {
  const items = `${count(cart.items_count)} ${Number(cart.items_count) === 1 ? 'item' : 'items'}`;
  return entry(cart.customer_name || cart.customer_email || 'Unknown visitor', [`${items} · `, when(cart.abandoned_at)],
    money(cart.total_value, cart.currency, true), [
      badge(cart.status, tone(cart.status)),
      cart.status === 'abandoned' && CALLABLE[cart.trigger_ready] ? badge(CALLABLE[cart.trigger_ready], tone(cart.trigger_ready)) : null,
    ]);
}
