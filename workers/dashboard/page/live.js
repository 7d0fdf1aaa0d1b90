// Changes of the organization's rows, by the unmodified supabase-js: one channel for the page, one more for an open call.
// The library reconnects by itself; when a channel is joined again, the page reads anew.

const TABLES = ['commerce_orders', 'commerce_abandoned_carts', 'calls', 'analytics_call_daily', 'analytics_outcome_daily', 'analytics_revenue_daily'];
const KEY = 'dashboard'; // supabase-js wants an API key; ours goes by the token alone
const REJOIN_MS = 1000;

export class Live {
  /** onState('connecting' | 'live' | 'lost', why), onChange(table, { eventType, new, old }) */
  constructor(token, organization, { onState, onChange }) {
    Object.assign(this, { token, organization, onState, onChange, stopped: false });
    this.client = globalThis.supabase.createClient(location.origin, KEY, { accessToken: async () => this.token });
    addEventListener('offline', this.offline = () => { if (!this.stopped) this.onState('lost', 'offline'); });
    addEventListener('online', this.online = () => { if (!this.stopped) this.retry(); });
    // The library asks for the token late and would join without it, in vain.
    this.client.realtime.setAuth().then(() => this.join());
  }

  join() {
    if (this.stopped || this.channel) return;
    const channel = this.channel = this.client.channel('dashboard');
    for (const table of TABLES) {
      channel.on('postgres_changes', { event: '*', schema: 'public', table, filter: `organization_id=eq.${this.organization}` },
        (change) => { if (channel === this.channel) this.onChange(table, change); });
    }
    channel.subscribe((status, error) => {
      if (channel !== this.channel) return; // an earlier one, or all is over
      if (status === 'CLOSED') this.timer = setTimeout(() => this.rejoin(), REJOIN_MS); // the library would leave it at that
      if (status === 'SUBSCRIBED') this.onState('live');
      else this.onState('lost', error?.message ?? status);
    });
  }

  async leave() {
    const old = this.channel;
    clearTimeout(this.timer);
    this.channel = null;
    if (old) await this.client.removeChannel(old);
  }

  async rejoin() {
    await this.leave();
    this.join();
  }

  /** Does not wait for the library's next attempt. */
  retry() {
    this.onState('connecting');
    this.rejoin();
  }

  /** What belongs to an open call: `on` has a function of the row for each table, onJoined() is called whenever the channel is joined.
   * Returns what ends it. */
  follow(call, on, onJoined) {
    const channel = this.client.channel(`call:${call}`);
    for (const [table, onRow] of Object.entries(on)) {
      channel.on('postgres_changes', { event: '*', schema: 'public', table, filter: `call_id=eq.${call}` },
        (change) => { if (change.eventType !== 'DELETE' && change.new.organization_id === this.organization) onRow(change.new); });
    }
    channel.subscribe((status) => { if (status === 'SUBSCRIBED') onJoined(); });
    return () => this.client.removeChannel(channel);
  }

  /** Hears nothing until it is renewed. */
  stop() {
    this.stopped = true;
    return this.leave();
  }

  async renew(token) {
    this.token = token;
    this.stopped = false;
    await this.client.realtime.setAuth();
    this.retry();
  }

  close() {
    this.stop();
    removeEventListener('offline', this.offline);
    removeEventListener('online', this.online);
    this.client.removeAllChannels();
  }
}
