// The theme people chose, or the system's. Runs before the first paint; shell/theme.ts goes on from here.
(() => {
  const chosen = localStorage.getItem('atelier.theme');
  const light = chosen ? chosen === 'light' : matchMedia('(prefers-color-scheme: light)').matches;
  document.documentElement.dataset.theme = light ? 'light' : 'dark';
})();
