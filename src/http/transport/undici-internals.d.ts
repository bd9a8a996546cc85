/** The part of undici that is loaded by its path: the whole package takes 50 to 90 ms to load, this part a third. */
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';
  export default Pool;
}
