/** What the page half of an extension may import, and what our own page is made of. */
export * from './define-ui.js';
export * from './host.js';
export * from './translate.js';
export * from './controls/index.js';
export { reportOf, type ErrorReport } from '../errors.js';
