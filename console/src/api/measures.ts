/** The shapes of `/measures`. */

export interface Satisfaction {
  asked: number;
  rated: number;
  /** 1 to 5. */
  average?: number;
  /** How many gave 1, 2, 3, 4 and 5. */
  ratings: [number, number, number, number, number];
}

/** What a model was asked, and what that used. */
export interface ModelFigures {
  turns: number;
  /** By how it ended. */
  ended: Record<string, number>;
  /** The share that it answered, 0 to 1. */
  answered?: number;
  /** Conversations that it summarised for agents. */
  summaries: number;
  requests: number;
  tokens: number;
  /** By currency, in millionths of it; what an answer cost is without the summaries. */
  costs: Record<string, { micros: number; summary_micros: number; answers: number; micros_per_answer?: number }>;
}

/** A day, a channel, a language, a queue, or everything. */
export interface Part {
  name: string;
  conversations: { opened: number; contained: number; handed: number; under_way: number };
  /** Of those that ended the share that no person had to see, 0 to 1. */
  containment?: number;
  answers: number;
  misses: number;
  satisfaction: Satisfaction;
  /** Absent where none was asked. */
  model?: ModelFigures;
}

/** How long something took, ms. */
export interface Times {
  count: number;
  p50?: number;
  p90?: number;
  p99?: number;
}

export interface ActionFigures {
  action: string;
  begun: number;
  done: number;
  cancelled: number;
  /** By how it ended. */
  otherwise: Record<string, number>;
  success?: number;
  calls: Times;
}

export interface Measures {
  /** Dates. */
  since: string;
  until: string;
  zone: string;
  total: Part;
  days: Part[];
  channels: Part[];
  languages: Part[];
  queues: Part[];
  handoffs: { rule: string; queue: string; count: number }[];
  actions: ActionFigures[];
  first_reply: Times;
  person_reply: Times;
}

/** Questions that ask the same. */
export interface MissGroup {
  question: string;
  wordings: string[];
  language: string;
  count: number;
  /** How many of them the knowledge answers by now. */
  answered: number;
  last_seen: string;
  conversations: string[];
  nearest?: { file: string; question: string; score: number };
  /** A name for a new file. */
  file: string;
}

export interface Misses {
  groups: MissGroup[];
  questions: number;
  more: boolean;
  folder: boolean;
}

export interface NewSection {
  file: string;
  language: string;
  question: string;
  also: string[];
  answer: string;
}

export interface WrittenSection {
  markdown: string;
  saved: boolean;
  unanswered: string[];
}
