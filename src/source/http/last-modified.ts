/** Last-Modified as Go parses it (`http.ParseTime`) and prints it into keys. */

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const TIME = '(\\d{1,2}):(\\d{2}):(\\d{2})(?:[.,]\\d+)?';
/** IMF-fixdate, RFC 850 (any zone) and asctime. One space stands for one or more. */
const FIXDATE = new RegExp(`^([A-Za-z]{3}), +(\\d{2}) +([A-Za-z]{3}) +(\\d{4}) +${TIME} +GMT$`);
const RFC850 = new RegExp(`^([A-Za-z]+), +(\\d{2})-([A-Za-z]{3})-(\\d{2}) +${TIME} +(.+)$`);
const ASCTIME = new RegExp(`^([A-Za-z]{3}) +([A-Za-z]{3}) +(\\d{1,2}) +${TIME} +(\\d{4})$`);

export interface HttpTime {
  /** `Mon, 02 Jan 2006 15:04:05 GMT`: the clock time as written, whatever its zone. */
  readonly text: string;
  /** Seconds since the epoch. */
  readonly seconds: number;
}

/** Undefined if the header is not an HTTP date: the file then has no time of its own. */
export function parseHttpTime(header: string): HttpTime | undefined {
  const fixdate = FIXDATE.exec(header);
  if (fixdate !== null) {
    const [, day, date, month, year, h, m, s] = fixdate;
    return build(DAYS, day, date, month, Number(year), h, m, s, 0);
  }
  const rfc850 = RFC850.exec(header);
  if (rfc850 !== null) {
    const [, day, date, month, year, h, m, s, zone = ''] = rfc850;
    const offset = zoneOffset(zone);
    if (offset === undefined) return undefined;
    const short = Number(year);
    return build(LONG_DAYS, day, date, month, short + (short >= 69 ? 1900 : 2000), h, m, s, offset);
  }
  const asctime = ASCTIME.exec(header);
  if (asctime === null) return undefined;
  const [, day, month, date, h, m, s, year] = asctime;
  return build(DAYS, day, date, month, Number(year), h, m, s, 0);
}

function build(
  days: readonly string[],
  day = '',
  date = '',
  month = '',
  year = 0,
  hours = '',
  minutes = '',
  seconds = '',
  offset = 0,
): HttpTime | undefined {
  const same = (text: string) => (name: string) => name.toLowerCase() === text.toLowerCase();
  const monthIndex = MONTHS.findIndex(same(month));
  if (!days.some(same(day)) || monthIndex < 0) return undefined;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const time = new Date(0);
  time.setUTCFullYear(year, monthIndex, Number(date));
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
