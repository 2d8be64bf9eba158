-- Resources that packages register (decision 169). The catalog names the models that webhooks can watch, so that a
-- registered resource is one more row of it; its table is made from its row (sql/resource_tables.py).
alter table catalog add column model text unique;
update catalog set model = case entity when 'follow_up' then 'FollowUp' else initcap(entity) end;
alter table catalog alter column model set not null;

alter table webhook drop constraint webhook_model_check;
alter table webhook add constraint webhook_model_fkey foreign key (model) references catalog (model);

create or replace function crm_model_entity(model text) returns text language sql stable
    return (select entity from catalog where catalog.model = $1);
