/** Last-Modified as Go parses it (`http.ParseTime`) and prints it into keys. */

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const TIME = '(?<hours>\\d{1,2}):(?<minutes>\\d{2}):(?<seconds>\\d{2})(?:[.,]\\d+)?';
/** IMF-fixdate, RFC 850 (any zone) and asctime. One space stands for one or more. */
const FORMS = [
  `(?<day>[A-Za-z]{3}), +(?<date>\\d{2}) +(?<month>[A-Za-z]{3}) +(?<year>\\d{4}) +${TIME} +GMT`,
  `(?<day>[A-Za-z]+), +(?<date>\\d{2})-(?<month>[A-Za-z]{3})-(?<year>\\d{2}) +${TIME} +(?<zone>.+)`,
  `(?<day>[A-Za-z]{3}) +(?<month>[A-Za-z]{3}) +(?<date>\\d{1,2}) +${TIME} +(?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

export interface HttpTime {
  /** `Mon, 02 Jan 2006 15:04:05 GMT`: the clock time as written, whatever its zone. */
  readonly text: string;
  /** Seconds since the epoch. */
  readonly seconds: number;
}

/** Undefined if the header is not an HTTP date: the file then has no time of its own. */
export function parseHttpTime(header: string): HttpTime | undefined {
  const parts = FORMS.map((form) => form.exec(header)?.groups).find((groups) => groups !== undefined);
  if (parts === undefined) return undefined;
  const { day = '', date, month = '', year, hours, minutes, seconds, zone } = parts;
  const offset = zone === undefined ? 0 : zoneOffset(zone);
  const same = (text: string) => (name: string) => name.toLowerCase() === text.toLowerCase();
  const days = zone === undefined ? DAYS.map((name) => name.slice(0, 3)) : DAYS;
  const monthIndex = MONTHS.findIndex(same(month));
  if (offset === undefined || !days.some(same(day)) || monthIndex < 0) return undefined;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  // Only RFC 850 has years of two digits.
  const century = zone === undefined ? 0 : Number(year) >= 69 ? 1900 : 2000;
  const time = new Date(0);
  time.setUTCFullYear(century + Number(year), monthIndex, Number(date));
  time.setUTCHours(Number(hours), Number(minutes), Number(seconds));
  // A day that does not exist in its month.
  if (time.getUTCDate() !== Number(date) || Number(date) === 0) return undefined;
  return { text: time.toUTCString(), seconds: Math.floor(time.getTime() / 1000) - offset };
}

/** Seconds east of UTC of a zone as Go parses it; unknown abbreviations count as UTC. Undefined: not a zone. */
function zoneOffset(zone: string): number | undefined {
  const gmt = /^GMT([+-])(\d{1,2})$/.exec(zone) ?? /^()([+-]\d{1,2})$/.exec(zone);
  if (gmt !== null) {
    const hours = Number(`${gmt[1]}${gmt[2]}`);
    if (Math.abs(hours) > 23) return undefined;
    return gmt[1] === '' ? 0 : hours * 3600;
  }
  return /^(?:ChST|MeST|WITA|[A-Z]{3}|[A-Z]{3}T|[A-Z]{4}T)$/.test(zone) ? 0 : undefined;
}
