// One model of a running plan: what it keeps, what bounds that, and the buttons that steer it.
import { Pause, Play, Rewind, X } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { formatBytes, formatCount, formatSpan } from '../../format/format';
import { Badge } from '../../parts/badge';
import { Confirm } from '../../parts/confirm';
import { Outcome } from '../../parts/outcome';
import { useSteer } from '../../server/queries';
import type { ModelCommand, Stage, Stream, StreamModel } from '../../server/types_streams';
import { filteredText } from '../pipelines/filtered';
import { workOf } from './flow';
import { perSecond, watermarkLagMs } from './nodes';
import { givenOf, type Rate } from './rates';

const kQuestions: Record<ModelCommand, { title: string; action: string; text: string; done: string }> = {
  pause: {
    title: 'Pause', action: 'Pause', done: 'is paused',
    text: 'It takes nothing in until it goes on; then all that it missed, from the lake. Its table stands still meanwhile.',
  },
  resume: {
    title: 'Resume', action: 'Resume', done: 'goes on',
    text: 'It takes in what it missed, from the lake, and then runs with every epoch again.',
  },
  rewind: {
    title: 'Build anew', action: 'Build anew', done: 'is built anew',
    text: 'Its table and state, and those of the models behind it, are built anew from the lake. Readers see the old rows until the new ones are there.',
  },
};

function Facts({ model, stream, rate }: { model: StreamModel; stream: Stream; rate: Rate | undefined }): ReactElement {
  const lag = watermarkLagMs(model, stream.now);
  const rows = model.stages.reduce((sum, stage) => sum + (stage.rows ?? 0), 0);
  const facts: [string, string][] = [
    ['In', `${formatCount(model.rows.in)} (${perSecond(rate?.in)}/s)`],
    ['Out', `${formatCount(givenOf(model))} (${perSecond(rate?.out)}/s)`],
    ['Late', formatCount(model.rows.late)],
    ['Dead', formatCount(model.rows.dead)],
    ['Filtered', filteredText(model.rows.filtered)],
    ['State', `${formatCount(rows)} rows${model.state_bytes ? `, about ${formatBytes(model.state_bytes)}` : ''}`],
    ['Watermark', lag === null ? 'none' : `${formatSpan(lag)} behind`],
    ['Last epoch', model.last ? `${formatSpan(model.last.elapsed_ms)}, ${formatCount(model.last.in)} rows in` : 'none yet'],
    ['Mode', model.mode],
    ['Work', model.state_of_work],
  ];
  return (
    <dl className="flow-facts">
      {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

function StageText({ stage }: { stage: Stage }): ReactElement {
  const reads = Array.isArray(stage.reads) ? stage.reads.join(', ') : stage.reads;
  return (
    <li>
      <h4>{stage.stage} <span className="muted">of {reads}</span></h4>
      {stage.state && <p>{stage.state}{stage.bounded_by && <span className="muted">, bounded by {stage.bounded_by}</span>}</p>}
      {stage.sql && <details><summary>SQL</summary><pre tabIndex={0}>{stage.sql}</pre></details>}
    </li>
  );
}

export function ModelDetails({ model, stream, rate, onClose }: {
  model: StreamModel; stream: Stream; rate: Rate | undefined; onClose: () => void;
}): ReactElement {
  const [asked, setAsked] = useState<ModelCommand | null>(null);
  const steer = useSteer();
  const { tone, word } = workOf(model, stream);
  const held = model.state_of_work.startsWith('held back');
  const paused = held || model.state_of_work === 'paused';
  const buttons: [ModelCommand, typeof Pause][] = [[paused ? 'resume' : 'pause', paused ? Play : Pause], ['rewind', Rewind]];
  return (
    <section className="flow-details" aria-label={`Model ${model.model}`}>
      <div className="page-head">
        <h3>{model.model}</h3>
        <Badge tone={tone}>{word}</Badge>
        <span className="flow-buttons">
          {buttons.map(([command, Icon]) => (
            <button key={command} type="button" className="button" disabled={!stream.here || steer.isPending} onClick={() => setAsked(command)}>
              <Icon size={16} aria-hidden="true" /> {kQuestions[command].title}
            </button>
          ))}
          <button type="button" className="button-icon" aria-label="Close" onClick={onClose}><X size={18} aria-hidden="true" /></button>
        </span>
      </div>
      <Outcome mutation={steer} done={steer.variables && `${model.model} ${kQuestions[steer.variables.command].done}`} />
      {held && <p className="row-error" role="alert">{model.state_of_work}. Going on sends the rows so far that break the rule to the dead letters.</p>}
      {!stream.here && <p className="muted">Steered where it runs: worker {stream.worker || 'unknown'}.</p>}
      <Facts model={model} stream={stream} rate={rate} />
      <ol className="flow-stage-texts">{model.stages.map((stage, i) => <StageText key={stage.name ?? i} stage={stage} />)}</ol>
      {asked && (
        <Confirm
          title={`${kQuestions[asked].title}: ${model.model}?`}
          action={kQuestions[asked].action}
          onCancel={() => setAsked(null)}
          onConfirm={() => {
            steer.mutate({ model: model.model, command: asked });
            setAsked(null);
          }}
        >
          {kQuestions[asked].text}
        </Confirm>
      )}
    </section>
  );
}
