-- The statements about the stays of leads in stages (crm_core/rules/stays.py). Triggers keep them: migration 0022. Null
-- parameters limit nothing.

-- name: present_leads
-- How many leads of a pipeline are in each stage, by their responsible users.
select present_stage, responsible, count(*) from lead
where pipeline = %(pipeline)s and (%(responsible)s::bigint is null or responsible = %(responsible)s::bigint)
group by present_stage, responsible

-- name: stage_leavings
-- How many leads left each stage in a period, and their times in it: the last of them in the period is of all.
select stage, count(*), count(spent), coalesce(sum(spent), 0),
    percentile_disc(array[0.5, 0.9]) within group (order by spent)
from lead_stay as stay
where pipeline = %(pipeline)s and left_at is not null
    and left_at >= coalesce(%(since)s::timestamptz, '-infinity') and left_at < coalesce(%(until)s::timestamptz, 'infinity')
    and (left_again_at is null or left_again_at >= coalesce(%(until)s::timestamptz, 'infinity'))
    and (%(responsible)s::bigint is null
        or exists (select from lead where lead.id = stay.lead and responsible = %(responsible)s::bigint))
group by stage

-- name: stage_moves
-- How many moves there were between two stages in a period.
select stage, to_stage, count(*)
from lead_stay as stay
where pipeline = %(pipeline)s and left_at is not null and to_stage is not null
    and left_at >= coalesce(%(since)s::timestamptz, '-infinity') and left_at < coalesce(%(until)s::timestamptz, 'infinity')
    and (%(responsible)s::bigint is null
        or exists (select from lead where lead.id = stay.lead and responsible = %(responsible)s::bigint))
group by stage, to_stage

-- name: open_since
-- When the lead entered each stage that is in it for the longest time.
select stage, (
    select min(entered_at) from lead_stay as stay
    where pipeline = %(pipeline)s and stay.stage = asked.stage and left_at is null)
from unnest(%(stages)s::uuid[]) as asked (stage)

-- name: open_since_of
-- The same of the leads of one user.
select stay.stage, min(entered_at)
from lead join lead_stay as stay on stay.lead = lead.id and left_at is null
where lead.pipeline = %(pipeline)s and responsible = %(responsible)s and stay.stage = any(%(stages)s::uuid[])
group by stay.stage
