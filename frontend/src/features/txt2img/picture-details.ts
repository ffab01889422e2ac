import { ref, watch } from 'vue';

const KEY = 'atelier.details';

/** Whether a picture's parameters are shown below it; remembered on this device. */
export const areDetailsShown = ref(localStorage.getItem(KEY) === 'shown');

watch(areDetailsShown, (shown) => localStorage.setItem(KEY, shown ? 'shown' : 'hidden'));
