import { ref, watch } from 'vue';

const KEY = 'atelier.history';

/** Whether the history stands beside the stage where there is room for it; remembered on this device. */
export const isHistoryShown = ref(localStorage.getItem(KEY) !== 'hidden');

watch(isHistoryShown, (shown) => localStorage.setItem(KEY, shown ? 'shown' : 'hidden'));
