import { ref, watch } from 'vue';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'atelier.theme';
const system = matchMedia('(prefers-color-scheme: light)');

/** What was chosen on this device. `public/theme.js` reads the same key before the first paint. */
export const theme = ref<Theme>((localStorage.getItem(KEY) as Theme | null) ?? 'system');

function apply(): void {
  const isLight = theme.value === 'system' ? system.matches : theme.value === 'light';
  document.documentElement.dataset.theme = isLight ? 'light' : 'dark';
}

watch(theme, (chosen) => {
  if (chosen === 'system') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, chosen);
  apply();
});
system.addEventListener('change', apply);
