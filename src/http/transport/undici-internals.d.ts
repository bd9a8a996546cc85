/** The part of undici that is loaded by its path: the whole package costs 50 to 90 ms to load, this a third of it. */
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';
  export default Pool;
}
