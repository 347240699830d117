/**
 * How packets are written. By itself the library makes a buffer for each number of 16 bits with the first of them: 8 MB,
 * and some 20 ms. Whatever opens a connection imports this.
 */
import { writeToStream } from "mqtt-packet";

writeToStream.cacheNumbers = false;
