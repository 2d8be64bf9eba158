-- The stage that a lead is in, by its id: a name may be that of another stage by now. It is beside the document, as it is
-- not shown. A stage that is gone has the id of none; null is not known, and then the name decides.
alter table lead add column stage_id uuid;
update lead set stage_id = coalesce((
    select (known.value ->> 'id')::uuid
    from pipeline, json_array_elements(pipeline.document -> 'stages') as known
    where pipeline.id = lead.pipeline and known.value ->> 'name' = lead.stage
    limit 1), '00000000-0000-0000-0000-000000000000')
where pipeline is not null and stage is not null;
