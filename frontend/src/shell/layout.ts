import { computed, ref } from 'vue';

export type Layout = 'phone' | 'narrow' | 'wide';

const isWide = matches('(min-width: 900px)');
const isPhone = matches('(max-width: 640px)');

/** Which of the three layouts the window has room for. */
export const layout = computed<Layout>(() => (isPhone.value ? 'phone' : isWide.value ? 'wide' : 'narrow'));

function matches(query: string) {
  const list = matchMedia(query);
  const now = ref(list.matches);
  list.addEventListener('change', (event) => (now.value = event.matches));
  return now;
}
