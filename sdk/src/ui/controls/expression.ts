/**
 * The value of what someone types into a number field: `768`, `512*1.5`, `(1024 + 256) / 2`, `7,5`. Undefined when it is
 * not arithmetic. Recursive descent over + − * / and brackets.
 */
export function evaluate(text: string): number | undefined {
  const source = text.replace(/\s+/g, '').replace(/,/g, '.').replace(/[×x]/g, '*').replace(/÷/g, '/').replace(/−/g, '-');
  let at = 0;

  function sum(): number {
    let value = product();
    while (source[at] === '+' || source[at] === '-') value = source[at++] === '+' ? value + product() : value - product();
    return value;
  }
  function product(): number {
    let value = factor();
    while (source[at] === '*' || source[at] === '/') value = source[at++] === '*' ? value * factor() : value / factor();
    return value;
  }
  function factor(): number {
    if (source[at] === '-') {
      at++;
      return -factor();
    }
    if (source[at] === '(') {
      at++;
      const value = sum();
      return source[at++] === ')' ? value : NaN;
    }
    const number = /^(\d+\.?\d*|\.\d+)/.exec(source.slice(at))?.[0] ?? '';
    at += number.length;
    return number ? Number(number) : NaN;
  }

  const value = sum();
  return at === source.length && Number.isFinite(value) ? value : undefined;
}

/** The nearest value that the field takes: within its range and on its grid, which starts at `min` (or 0). */
export function fit(value: number, { min = -Infinity, max = Infinity, step }: { min?: number; max?: number; step?: number }): number {
  const clamped = Math.min(max, Math.max(min, value));
  if (!step) return clamped;
  const origin = Number.isFinite(min) ? min : 0;
  const onGrid = origin + Math.round((clamped - origin) / step) * step;
  const digits = Math.min(10, (String(step).split('.')[1] ?? '').length + (String(origin).split('.')[1] ?? '').length);
  return Number((onGrid > max ? onGrid - step : onGrid).toFixed(digits));
}
