-- States of transfer requests (decision 121). Those that are stored are open, and have a new version, as an ETag stands
-- for the same bytes for ever.
alter table transfer_request
    add column state text not null default 'open' check (state in ('open', 'accepted', 'declined')),
    add column decided_at timestamptz;

create or replace function transfer_request_columns() returns trigger language plpgsql as $$
begin
    select student, student_name, cohort_request, possible_transfer_date, state, decided_at, updated_at
    into new.student, new.student_name, new.cohort_request, new.possible_transfer_date, new.state, new.decided_at,
        new.updated_at
    from json_to_record(new.document) as d (
        id text, student uuid, student_name text, cohort_request text, possible_transfer_date date, state text,
        decided_at timestamptz, updated_at timestamptz)
    where d.id = new.id::text;
    new.student_name_folded := crm_fold(new.student_name);
    new.cohort_request_folded := crm_fold(new.cohort_request);
    new.searched := crm_searched(new.student_name_folded || E'\n' || new.cohort_request_folded, null);
    return new;
end $$;

update transfer_request
set version = version + 1, document = (
    select '{' || string_agg(
        case when key = 'updated_at' then '"state":"open","decided_at":null,"decided_by":null,' else '' end
            || to_json(key)::text || ':' || value::text,
        ',' order by place) || '}'
    from json_each(document) with ordinality as members (key, value, place)
)::json
where document -> 'state' is null;

create index transfer_request_state on transfer_request (state, id);

-- The stays of leads in stages (crm_core/rules/stays.py, which a test holds this to), kept by triggers, so that no way of
-- writing a lead forgets them. Times are microseconds.

-- The stage that a lead is in: none without a pipeline, a name or an id.
alter table lead add column present_stage uuid generated always as (
    case when pipeline is not null and stage <> '' then nullif(stage_id, '00000000-0000-0000-0000-000000000000') end
) stored;
create index lead_summary on lead (pipeline, present_stage, responsible);

create table lead_stay (
    id bigint generated always as identity primary key,
    lead uuid not null,
    pipeline uuid not null,
    stage uuid not null,
    -- Null if it began before the history.
    entered_at timestamptz,
    -- Null if the lead is there.
    left_at timestamptz,
    to_stage uuid,
    -- Of all stays of the lead in the stage up to the end of this one; null if it is not known.
    spent bigint,
    -- When the next stay of the lead in this stage ended.
    left_again_at timestamptz
);

create function crm_end_stay(of_lead uuid, to_pipeline uuid, next_stage uuid, moment timestamptz) returns timestamptz
    language plpgsql as $$
declare
    stay lead_stay;
    earlier bigint;
begin
    select * into stay from lead_stay where lead = of_lead and left_at is null;
    if not found then
        return moment;
    end if;
    moment := greatest(moment, stay.entered_at);  -- a clock may have been set back
    update lead_stay set left_again_at = moment
    where lead = of_lead and pipeline = stay.pipeline and stage = stay.stage
        and left_at is not null and left_again_at is null
    returning spent into earlier;
    if not found then
        earlier := 0;
    end if;
    update lead_stay set
        left_at = moment,
        to_stage = case when to_pipeline = stay.pipeline then next_stage end,
        spent = earlier + (extract(epoch from moment) - extract(epoch from stay.entered_at)) * 1000000
    where id = stay.id;
    return moment;
end $$;

create function lead_stays() returns trigger language plpgsql as $$
declare
    moment timestamptz := coalesce(new.updated_at, new.created_at);
begin
    if tg_op = 'UPDATE' then
        moment := crm_end_stay(new.id, new.pipeline, new.present_stage, moment);
    end if;
    if new.present_stage is not null then
        insert into lead_stay (lead, pipeline, stage, entered_at)
        values (new.id, new.pipeline, new.present_stage, moment);
    end if;
    return null;
end $$;
create trigger lead_stays_begin after insert on lead
    for each row when (new.present_stage is not null) execute function lead_stays();
create trigger lead_stays_move after update on lead
    for each row when (
        (case when old.present_stage is not null then old.pipeline end, old.present_stage)
        is distinct from (case when new.present_stage is not null then new.pipeline end, new.present_stage))
    execute function lead_stays();

-- The time of a deletion is that of its event. Nothing is kept of a lead that is erased.
create function lead_stays_end() returns trigger language plpgsql as $$
begin
    if new.kind = 'erased' then
        delete from lead_stay where lead = new.record;
    else
        perform crm_end_stay(new.record, null, null, new.at);
    end if;
    return null;
end $$;
create trigger lead_stays_end after insert on event
    for each row when (new.resource = 'lead' and new.kind in ('deleted', 'erased')) execute function lead_stays_end();

-- The stays of earlier releases, once, from the history. Events name stages: each name that a stage ever had, from when on.
create temporary table stage_name on commit drop as
select record as pipeline, (item ->> 'id')::uuid as stage, normalize(item ->> 'name', nfc) as name, seq as since
from event, lateral (
    select json_array_elements(changes -> 'stages' -> 'to') as item
    where json_typeof(changes -> 'stages' -> 'to') = 'array'
    union all
    select json_array_elements(changes -> 'stages' -> 'added') where json_typeof(changes -> 'stages' -> 'added') = 'array'
    union all
    select json_array_elements(changes -> 'stages' -> 'changed') -> 'to'
    where json_typeof(changes -> 'stages' -> 'changed') = 'array'
) as items
where resource = 'pipeline';
create index on stage_name (pipeline, name, since);
analyze stage_name;

-- What events tell of the place of a lead; a change that says nothing of the pipeline or the stage leaves it.
create temporary table lead_place on commit drop as
with told as (
    select record as lead, version, seq, at, kind,
        case when kind in ('deleted', 'erased') then true else changes -> 'pipeline' is not null end as tells_pipeline,
        case when kind not in ('deleted', 'erased') then (changes -> 'pipeline' ->> 'to')::uuid end as pipeline,
        case when kind in ('deleted', 'erased') then true else changes -> 'stage' is not null end as tells_stage,
        case when kind not in ('deleted', 'erased') then normalize(changes -> 'stage' ->> 'to', nfc) end as stage
    from event
    where resource = 'lead' and (kind <> 'updated' or changes -> 'pipeline' is not null or changes -> 'stage' is not null)
), counted as (
    select *,
        count(*) filter (where tells_pipeline) over later as pipelines,
        count(*) filter (where tells_stage) over later as stages
    from told window later as (partition by lead order by version)
), filled as (
    select lead, version, seq, at, kind,
        first_value(pipeline) over (partition by lead, pipelines order by version) as pipeline,
        first_value(stage) over (partition by lead, stages order by version) as stage
    from counted
    where pipelines > 0 and stages > 0
)
select filled.lead, version, at, kind, named.stage,
    case when named.stage is not null then filled.pipeline end as pipeline
from filled left join lateral (
    select stage_name.stage from stage_name
    where stage_name.pipeline = filled.pipeline and name = filled.stage and since < filled.seq
    order by since desc limit 1
) as named on true;

-- A stay begins where the place is another one than before. A history that was folded does not tell when.
insert into lead_stay (lead, pipeline, stage, entered_at, left_at, to_stage)
select lead, pipeline, stage, case when kind <> 'baseline' then at end, left_at, to_stage
from (
    select lead, pipeline, stage, at, kind,
        lead(at) over following as left_at,
        case when lead(pipeline) over following = pipeline then lead(stage) over following end as to_stage
    from (
        select *, row(pipeline, stage) is distinct from
            row(lag(pipeline) over (partition by lead order by version), lag(stage) over (partition by lead order by version))
            as is_new
        from lead_place
    ) as places
    where is_new
    window following as (partition by lead order by version)
) as stays
where stage is not null;

-- Where the history does not end at the place where a lead is, nothing is known of when it came there.
delete from lead_stay where left_at is null and not exists (
    select from lead
    where lead.id = lead_stay.lead and lead.pipeline = lead_stay.pipeline and lead.present_stage = lead_stay.stage);
insert into lead_stay (lead, pipeline, stage)
select id, pipeline, present_stage from lead
where present_stage is not null and not exists (select from lead_stay where lead = lead.id and left_at is null);

update lead_stay set
    left_at = greatest(left_at, entered_at), spent = sums.spent, left_again_at = sums.left_again_at
from (
    select id,
        case when every(entered_at is not null) over until_then then
            sum((extract(epoch from greatest(left_at, entered_at)) - extract(epoch from entered_at)) * 1000000) over until_then
        end as spent,
        lead(left_at) over (partition by lead, pipeline, stage order by id) as left_again_at
    from lead_stay where left_at is not null
    window until_then as (partition by lead, pipeline, stage order by id)
) as sums
where sums.id = lead_stay.id;

create unique index lead_stay_present on lead_stay (lead) where left_at is null;
create index lead_stay_lead on lead_stay (lead, pipeline, stage);
create index lead_stay_open on lead_stay (pipeline, stage, entered_at) where left_at is null;
-- Two indexes, as each is in the order of one statement: sorting or hashing took more than half of its time.
create index lead_stay_left on lead_stay (pipeline, stage, spent) include (left_at, left_again_at, lead)
    where left_at is not null;
create index lead_stay_moves on lead_stay (pipeline, stage, to_stage) include (left_at, lead) where left_at is not null;
analyze lead_stay;
