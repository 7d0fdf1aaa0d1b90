// Light or dark: the system's choice until the switch was used. Runs before the first paint, so that nothing flashes.
(() => {
  const kept = () => { try { return localStorage.getItem('ringback.theme'); } catch { return null; } };
  const system = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => (kept() ?? (system.matches ? 'dark' : 'light')) === 'dark';

  function apply() {
    document.documentElement.dataset.theme = dark() ? 'dark' : 'light';
    document.getElementById('theme')?.setAttribute('aria-pressed', String(dark()));
    dispatchEvent(new Event('theme'));
  }
  apply();
  system.addEventListener('change', apply);
  addEventListener('DOMContentLoaded', () => {
    apply();
    document.getElementById('theme').addEventListener('click', () => {
      try { localStorage.setItem('ringback.theme', dark() ? 'light' : 'dark'); } catch { return; }
      apply();
    });
  });
})();
