/** What people write inside of rules: templates, patterns, paths, dates, schedules. */
import { Buffer } from "node:buffer";
import { findValues } from "../../../shared/expressions/jsonpath.ts";
import { parseJson } from "../../../shared/expressions/python/json-text.ts";
import { literalEval } from "../../../shared/expressions/python/literal.ts";
import { RegexNeeded } from "../../../shared/expressions/regex/answer.ts";
import { compilePattern } from "../../../shared/expressions/regex/pattern.ts";
import { compileTemplate } from "../../../shared/expressions/template.ts";
import { parseDateTime } from "../../../shared/rules/datetime-text.ts";
import { compileWildcard } from "../../../shared/rules/wildcard.ts";
import { readSchedule, timerTypes } from "../../../shared/schedules/schedule.ts";
import { type Decoder, verdictOf } from "../campaign.ts";

const utf8 = (input: Uint8Array) => Buffer.from(input).toString("utf8");
/** Compiled patterns are kept up to 128 MiB; everything else may grow by what anybody's may. */
const growthMib = 144;
const isNeeded = (error: unknown) => error instanceof RegexNeeded;
const scope = {
  trigger: {
    path: "/etc/passwd",
    list: [1, 2, { a: [3, null] }],
    d: { a: 1, b: { c: "ü" } },
    t: "{{ 7 * 7 }}",
    n: 1e300,
  },
};

export async function openTemplates(): Promise<Decoder> {
  const seeds = [
    "{{ trigger.path }}",
    "[{{trigger.time | default('x')}}] ({{ trigger.d.a + 1 }}) {{ trigger['path'][1:4] }}",
    "{% for x in trigger.list if x %}{{ loop.index }}{{ x }}{% else %}none{% endfor %}",
    "{% set a = namespace(b=1) %}{% if a.b is odd and not false %}{{ a.b ** 2 // 3 % 5 }}{% elif 1 %}{% endif %}",
    "{% macro m(a, b=2) %}{{ a ~ b }}{% endmacro %}{{ m(1) }}{{ m(b='x', a=[1]) }}",
    "{{ trigger | jsonpath_query('list[*].a') | to_json_string }}",
    "{{ trigger.path | regex_replace('(\\\\w+)', '<\\\\1>') | upper | replace('A', 'b') | truncate(5) }}",
    "{{ trigger.list | map('string') | join(', ') | wordwrap(3) | indent }} {{ '%05.2f|%s' % (1.5, trigger.d) }}",
    "{{ '{:>10,.3f} {!r} {0}'.format(trigger.n, 'a') }} {{ range(10) | batch(3) | list }}",
    "{# note #}{% raw %}{{ x }}{% endraw %}{{ {'a': 1, 'b': [2]} | dictsort | tojson(indent=2) }}",
    "{{ trigger.list | sort(reverse=true) | groupby('a') | selectattr('a', 'defined') | list | length }}",
    "{{ 'a,b'.split(',') | random | default(omit) }} {{ trigger | to_yaml_string }} {{ 3661 | to_human_time_from_seconds }}",
  ];
  return {
    name: "templates",
    growthMib,
    seeds: seeds.map((text) => Buffer.from(text)),
    words: [
      "{{",
      "}}",
      "{%",
      "%}",
      "{#",
      "-%}",
      " for ",
      " in ",
      " if ",
      " | ",
      "(",
      ")",
      "[",
      "]",
      "**",
      "~",
      "range(999999999)",
      "'a' * 999999999",
      "'%999999999d' % 1",
      "'{:>999999999}'.format(1)",
      "| wordwrap(0)",
      "| indent(99999999)",
      "| center(99999999)",
      "| batch(0)",
      "| slice(0)",
      "recursive",
      "loop(",
      "| round(400)",
      "9 ** 99999",
    ],
    maxBytes: 4 * 1024,
    take: (input) => {
      const text = utf8(input);
      const rendered = verdictOf(() => compileTemplate(text).render(scope), isNeeded);
      verdictOf(() => compileTemplate(text).evaluate(scope), isNeeded);
      return rendered;
    },
  };
}

export async function openExpressions(): Promise<Decoder> {
  const seeds = [
    "trigger.list[*].a",
    "$..a",
    "trigger.d['b'].c",
    "list[0:2] | d.a & t",
    "^(?P<x>a|b)+\\d{2,5}(?=c)[^\\w-z]*?\\1$",
    "(?i)\\bpass(wd)?\\b|\\.conf$",
    "[[:alpha:]]{1,1000}(a*)*b",
    "/etc/**/[!a-c]*.{conf,d}",
    "*/5 0-6,8 1-7 mon-fri",
    "2026-01-02T03:04:05.678+02:00",
    "Fri, 2 Jan 2026 03:04 PM EST",
    "tomorrow 5pm",
    '{"a": [1, 2.5e3, NaN, "\\u00fc"], "b": null}',
    "{'a': (1, None, True), 'b': {1, 2}, b'c': -1.5j}",
  ];
  const texts = ["/etc/passwd", "a".repeat(200), "aab12c\n", "ü\u{1f600}b", ""];
  return {
    name: "expressions",
    growthMib,
    seeds: seeds.map((text) => Buffer.from(text)),
    words: [
      "..",
      "[*]",
      "[-1]",
      "(?:",
      "(?=",
      "(?<!",
      "(?P=x)",
      "{0,1000}",
      "{1000}{1000}",
      "*",
      "+",
      "\\",
      "\\Z",
      "[^",
      "]",
      "|",
      "&",
      "where",
      "`parent`",
      "@",
      "L",
      "W",
      "#",
      "/0",
      "59",
    ],
    maxBytes: 2 * 1024,
    take(input) {
      const text = utf8(input);
      const works: (() => unknown)[] = [
        () => findValues(text, scope),
        () => texts.map((one) => compilePattern(text).test(one, false, () => "unknown")),
        () => texts.map((one) => compilePattern(text, { ignoreCase: true }).all(one, () => "unknown")),
        () => texts.map((one) => compileWildcard(text)(one)),
        () => parseDateTime(text, 0),
        () => parseJson(text),
        () => literalEval(text),
        () => readSchedule(timerTypes.cron, cronOf(text), 0),
        () => readSchedule(timerTypes.date, { date: text, timezone: text }, 0),
        () => readSchedule(timerTypes.interval, { unit: text, delta: Number(text) }, 0),
      ];
      return works.map((work) => verdictOf(work, isNeeded)).includes("taken") ? "taken" : "refused";
    },
  };
}

function cronOf(text: string) {
  const [minute = "*", hour = "*", day = "*", day_of_week = "*"] = text.split(" ");
  return { minute, hour, day, day_of_week, timezone: "UTC" };
}
