// The outcomes of calls, in the order in which they are stacked; colours in colours.css tell them apart for all kinds of sight.
export const OUTCOMES = [
  { key: 'answered', title: 'Answered' },
  { key: 'voicemail', title: 'Voicemail' },
  { key: 'no_answer', title: 'No answer' },
  { key: 'busy', title: 'Busy' },
  { key: 'failed', title: 'Failed' },
];

export const titleOf = (key) => OUTCOMES.find((outcome) => outcome.key === key)?.title ?? key;
