/** What A1111 takes where no format is given: 20240309140507. */
const USUAL_FORMAT = '%Y%m%d%H%M%S';

/**
 * A time in the format of Python's `strftime`, in the words of English. Signs that it does not know stay as they are.
 *
 * @param timeZone IANA name; one that does not exist, and none, is this machine's.
 */
export function formatTime(time: Date, format = '', timeZone?: string): string {
  const parts = partsOf(time, timeZone);
  return (format === '' ? USUAL_FORMAT : format).replaceAll(/%([a-zA-Z%])/g, (sign, letter: string) => parts[letter] ?? sign);
}

function partsOf(time: Date, timeZone: string | undefined): Record<string, string> {
  const told = new Intl.DateTimeFormat('en-US', {
    timeZone: isTimeZone(timeZone) ? timeZone : undefined,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'long',
    day: '2-digit',
    weekday: 'long',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(time);
  const part = (type: Intl.DateTimeFormatPartTypes) => told.find((each) => each.type === type)?.value ?? '';
  const [year, month, weekday, hour] = [part('year').padStart(4, '0'), part('month'), part('weekday'), Number(part('hour'))];
  const monthNumber = 1 + months.indexOf(month);
  const dayOfYear = Math.round((Date.UTC(Number(year), monthNumber - 1, Number(part('day'))) - Date.UTC(Number(year), 0, 0)) / 86_400_000);
  const two = (value: number) => String(value).padStart(2, '0');
  return {
    Y: year,
    y: year.slice(-2),
    m: two(monthNumber),
    B: month,
    b: month.slice(0, 3),
    d: part('day'),
    j: String(dayOfYear).padStart(3, '0'),
    A: weekday,
    a: weekday.slice(0, 3),
    H: two(hour),
    I: two(hour % 12 || 12),
    p: hour < 12 ? 'AM' : 'PM',
    M: part('minute'),
    S: part('second'),
    f: `${String(time.getMilliseconds()).padStart(3, '0')}000`,
    '%': '%',
  };
}

const months = 'January February March April May June July August September October November December'.split(' ');

function isTimeZone(name: string | undefined): boolean {
  if (name === undefined || name === '') return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false; // A1111 takes the local time for a zone that there is not
  }
}
