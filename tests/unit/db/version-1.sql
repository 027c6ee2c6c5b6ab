-- version-1.sql: a database as entroscope 0.1.0 made it before there were learnable parameters: two runs.
-- Never changed: test-store-params.c opens it with the program of today.
PRAGMA application_id = 1162761298;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE captures (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  position INTEGER NOT NULL,
  n_rows INTEGER NOT NULL,
  digest TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('complete', 'partial')),
  detail TEXT,
  PRIMARY KEY (run_id, step)) STRICT;
INSERT INTO "captures" VALUES(1,0,0,64,'fcafbb4b7ab9dd9f','complete',NULL);
INSERT INTO "captures" VALUES(1,10,1,64,'3c3c814bc3bff647','complete',NULL);
INSERT INTO "captures" VALUES(1,20,2,64,'e7e8904eff91fac8','complete',NULL);
INSERT INTO "captures" VALUES(2,0,0,32,'7f7eb60fd1834490','complete',NULL);
INSERT INTO "captures" VALUES(2,10,1,32,'7f7eb60fd1834490','complete',NULL);
CREATE TABLE head_stats (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  head INTEGER NOT NULL,
  "n_rows" INTEGER,
  "n_nan" INTEGER,
  "n_masked" INTEGER,
  "n_off_sum" INTEGER,
  "entropy_mean" REAL,
  "entropy_sd" REAL,
  "entropy_min" REAL,
  "entropy_p05" REAL,
  "entropy_median" REAL,
  "entropy_p95" REAL,
  "entropy_max" REAL,
  "entropy_norm" REAL,
  "entropy_ceiling" REAL,
  "effective_keys" REAL,
  "max_weight" REAL,
  "sink_mass" REAL,
  "distance" REAL,
  PRIMARY KEY (run_id, step, layer, head)) STRICT;
INSERT INTO "head_stats" VALUES(1,0,0,0,16,0,0,0,1.02932374056563746833e+00,5.90520368223673375318e-01,0.0,0.0,1.125144736517801336e+00,1.72352153593815105026e+00,1.77934887867322588661e+00,7.73612064687577150046e-01,1.32557536284315613528e+00,3.23907713301356903201e+00,0.577919140458107,3.82356627727858722209e-01,1.61775951460003852844e+00);
INSERT INTO "head_stats" VALUES(1,0,0,1,16,0,0,0,9.59633710487268309918e-01,6.30986149861047063147e-01,0.0,0.0,1.1553338781247135536e+00,1.74855522420181,1.78381846774538788125e+00,6.7159563110101760941e-01,1.32557536284315613528e+00,3.09488884388102825084e+00,6.24609464779496192932e-01,0.365521440282464,1.85722525464370846748e+00);
INSERT INTO "head_stats" VALUES(1,0,1,0,16,0,0,0,8.7743841055134719209e-01,5.20209741049088680853e-01,0.0,0.0,9.90009767957333863819e-01,1.550696235411,1.67109152270797056694e+00,6.68610405823726106078e-01,1.32557536284315613528e+00,2.70815812879799899803e+00,6.31758742034435272216e-01,3.19823128666030243039e-01,1.76367572415620088577e+00);
INSERT INTO "head_stats" VALUES(1,0,1,1,16,0,0,0,7.98807204653585789522e-01,0.524897097740699,0.0,0.0,0.868420673622122,1.46573180108642775465e+00,1.54477074859218133084e+00,5.9457520690251952633e-01,1.32557536284315613528e+00,2.5071292717268729433e+00,6.89511779695749282836e-01,3.13633221478085033595e-01,1.85364186670631170272e+00);
INSERT INTO "head_stats" VALUES(1,10,0,0,16,0,0,0,7.52515131467912601337e-01,5.66997957069678926167e-01,0.0,0.0,8.93313495230987575368e-01,1.54105830342618865813e+00,1.62470945785734421917e+00,5.35954035957894370234e-01,1.32557536284315613528e+00,2.45365497819248590261e+00,7.08805043250322341918e-01,3.43775104818632826209e-01,1.58696572054759599268e+00);
INSERT INTO "head_stats" VALUES(1,10,0,1,16,0,0,0,8.42309366689821148455e-01,3.9158507183935964413e-01,0.0,0.0,9.40648343404602127471e-01,1.25452933261697285871e+00,1.50957531036793635159e+00,6.7399001591854579285e-01,1.32557536284315613528e+00,2.47498436573767843782e+00,6.1701509915292263031e-01,3.14586590997350867837e-01,1.66759867221117019653e+00);
INSERT INTO "head_stats" VALUES(1,10,1,0,16,0,0,0,4.79661405652628047846e-01,4.59947444473209843263e-01,0.0,0.0,3.9136153027630482537e-01,1.26263904850002339763e+00,1.60809811841743011129e+00,3.51230769740189519012e-01,1.32557536284315613528e+00,1.8087800606908770451e+00,8.02879855036735534667e-01,2.7590600530311348848e-01,1.61660502597806043922e+00);
INSERT INTO "head_stats" VALUES(1,10,1,1,16,0,0,0,7.04396183246806639743e-01,5.62459977613196104861e-01,0.0,0.0,6.87015012300742577977e-01,1.63433715652335642687e+00,1.70119194209127888584e+00,5.12003856051701622398e-01,1.32557536284315613528e+00,2.35403108585466069868e+00,7.06573205068707466125e-01,3.16805602895328775048e-01,1.9394056319142691791e+00);
INSERT INTO "head_stats" VALUES(1,20,0,0,16,0,0,0,6.97611675011970189252e-01,5.61966742796120466429e-01,0.0,0.0,7.30423489900284828024e-01,1.42956266828343014907e+00,1.96999669661171661338e+00,4.85090046287560472393e-01,1.32557536284315613528e+00,2.35379388042971804395e+00,7.19453191384673118591e-01,3.20968890733638545498e-01,1.70136042870581150054e+00);
INSERT INTO "head_stats" VALUES(1,20,0,1,16,0,0,0,6.78413119802640851574e-01,5.29905193088133774637e-01,0.0,0.0,7.5484961074843148765e-01,1.36563327190491756724e+00,1.40173816069133039263e+00,4.96162544513067460538e-01,1.32557536284315613528e+00,2.2356630122086489365e+00,7.1891634911298751831e-01,3.22804120745786349289e-01,1.89957797380338888615e+00);
INSERT INTO "head_stats" VALUES(1,20,1,0,16,0,0,0,5.19830562195953138626e-01,3.76673423755637559739e-01,0.0,0.0,6.45200882671507214283e-01,1.03620485166420883693e+00,1.25400457247028973561e+00,3.81621219369942310528e-01,1.32557536284315613528e+00,1.79593332279067507961e+00,7.78996568173170089721e-01,3.62475770627497695386e-01,1.59982549026608467102e+00);
INSERT INTO "head_stats" VALUES(1,20,1,1,16,0,0,0,5.07103117538844072598e-01,4.65333722361810364631e-01,0.0,0.0,5.77579937091452055852e-01,1.26769880569094084421e+00,1.35356962715044759626e+00,3.42600571705321821358e-01,1.32557536284315613528e+00,1.84327483121753554762e+00,7.95095713809132575988e-01,2.65874289235853211721e-01,1.7451751872940803878e+00);
INSERT INTO "head_stats" VALUES(2,0,0,0,16,16,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "head_stats" VALUES(2,0,0,1,16,16,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "head_stats" VALUES(2,10,0,0,16,16,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "head_stats" VALUES(2,10,0,1,16,16,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE layer_stats (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  "n_heads" INTEGER,
  "n_valid_heads" INTEGER,
  "entropy_mean" REAL,
  "entropy_spread" REAL,
  "entropy_ceiling" REAL,
  PRIMARY KEY (run_id, step, layer)) STRICT;
INSERT INTO "layer_stats" VALUES(1,0,0,2,2,9.94478725526452889127e-01,0.0492782928495093,1.32557536284315613528e+00);
INSERT INTO "layer_stats" VALUES(1,0,1,2,2,8.38122807602466490806e-01,5.56006589031827411218e-02,1.32557536284315613528e+00);
INSERT INTO "layer_stats" VALUES(1,10,0,2,2,7.97412249078866874896e-01,6.34941126368714636729e-02,1.32557536284315613528e+00);
INSERT INTO "layer_stats" VALUES(1,10,1,2,2,5.92028794449717343795e-01,1.58911485205294272793e-01,1.32557536284315613528e+00);
INSERT INTO "layer_stats" VALUES(1,20,0,2,2,6.88012397407305575924e-01,1.35754285775010925807e-02,1.32557536284315613528e+00);
INSERT INTO "layer_stats" VALUES(1,20,1,2,2,5.13466839867398605612e-01,8.9996624242183135417e-03,1.32557536284315613528e+00);
INSERT INTO "layer_stats" VALUES(2,0,0,2,0,NULL,NULL,NULL);
INSERT INTO "layer_stats" VALUES(2,10,0,2,0,NULL,NULL,NULL);
CREATE TABLE metric (
  table_name TEXT NOT NULL,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  unit TEXT,
  definition TEXT,
  PRIMARY KEY (table_name, name)) STRICT;
INSERT INTO "metric" VALUES('head_stats','n_rows','Rows','rows','All rows of the head: samples times queries.');
INSERT INTO "metric" VALUES('head_stats','n_nan','NaN rows','rows','Rows with a weight that is NaN or Inf; not in any statistic.');
INSERT INTO "metric" VALUES('head_stats','n_masked','Masked rows','rows','Rows whose query is padding, that may attend to no key, or whose weights are all 0; not in any statistic.');
INSERT INTO "metric" VALUES('head_stats','n_off_sum','Rows off their sum','rows','Rows whose weights do not sum to 1 within the tolerance, with a weight below minus the tolerance, or with more than the tolerance on keys that are not allowed; not in any statistic.');
INSERT INTO "metric" VALUES('head_stats','entropy_mean','Head entropy','nats','Mean over the valid rows of all samples of H = -sum p ln p, 0 ln 0 = 0 (arXiv 2501.03489, Eq. 7).');
INSERT INTO "metric" VALUES('head_stats','entropy_sd','Standard deviation of row entropy','nats','Over the valid rows, with n - 1; NULL with fewer than two.');
INSERT INTO "metric" VALUES('head_stats','entropy_min','Smallest row entropy','nats','Over the valid rows.');
INSERT INTO "metric" VALUES('head_stats','entropy_p05','5 % quantile of row entropy','nats','Exact over the valid rows, linear interpolation.');
INSERT INTO "metric" VALUES('head_stats','entropy_median','Median row entropy','nats','Exact over the valid rows, linear interpolation.');
INSERT INTO "metric" VALUES('head_stats','entropy_p95','95 % quantile of row entropy','nats','Exact over the valid rows, linear interpolation.');
INSERT INTO "metric" VALUES('head_stats','entropy_max','Largest row entropy','nats','Over the valid rows.');
INSERT INTO "metric" VALUES('head_stats','entropy_norm','Normalised entropy','1','Mean of H / ln n over the valid rows with n >= 2 allowed keys: 1 for a uniform head at every length; NULL without such a row.');
INSERT INTO "metric" VALUES('head_stats','entropy_ceiling','Entropy ceiling','nats','Mean of ln n over the valid rows, n = allowed keys: the entropy of a uniform head; ln(T!)/T for a causal square.');
INSERT INTO "metric" VALUES('head_stats','effective_keys','Effective keys','keys','Mean of exp(H) over the valid rows.');
INSERT INTO "metric" VALUES('head_stats','max_weight','Largest weight','1','Mean over the valid rows of the row''s largest weight.');
INSERT INTO "metric" VALUES('head_stats','sink_mass','Weight on the first key','1','Mean over the valid rows of the weight on key 0.');
INSERT INTO "metric" VALUES('head_stats','distance','Attention distance','keys','Mean over the valid rows of sum_k p_k |q - k|, q the query''s own position among the keys.');
INSERT INTO "metric" VALUES('layer_stats','n_heads','Heads','heads','Heads of the layer.');
INSERT INTO "metric" VALUES('layer_stats','n_valid_heads','Heads with a value','heads','Heads with at least one valid row.');
INSERT INTO "metric" VALUES('layer_stats','entropy_mean','Layer entropy','nats','Mean of the head entropies, heads without a valid row left out.');
INSERT INTO "metric" VALUES('layer_stats','entropy_spread','Spread of entropy over heads','nats','Standard deviation (n - 1) of the head entropies; NULL with fewer than two heads.');
INSERT INTO "metric" VALUES('layer_stats','entropy_ceiling','Entropy ceiling of the layer','nats','Mean of the heads'' ceilings.');
CREATE TABLE run_config (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT,
  PRIMARY KEY (run_id, key)) STRICT;
INSERT INTO "run_config" VALUES(1,'=note','grown');
INSERT INTO "run_config" VALUES(1,'arch','SM+LN+G');
INSERT INTO "run_config" VALUES(1,'lr','0.001');
INSERT INTO "run_config" VALUES(1,'n_layers','2');
INSERT INTO "run_config" VALUES(1,'seed','7');
INSERT INTO "run_config" VALUES(2,'=note','all-nan');
INSERT INTO "run_config" VALUES(2,'arch','SM+LN+G');
INSERT INTO "run_config" VALUES(2,'lr','0.001');
INSERT INTO "run_config" VALUES(2,'n_layers','1');
INSERT INTO "run_config" VALUES(2,'seed','7');
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  source TEXT,
  fingerprint TEXT NOT NULL,
  open_mode TEXT,
  created_at TEXT NOT NULL,
  tool_version TEXT,
  arch TEXT,
  producer TEXT,
  n_layers INTEGER,
  n_heads INTEGER,
  context_length INTEGER,
  causal INTEGER CHECK (causal IN (0, 1)),
  UNIQUE (name, attempt)) STRICT;
INSERT INTO "runs" VALUES(1,'grown',1,'grown-3.h5','00000013-0000-4000-8000-000000000000','plain','2023-11-14T22:13:20Z','0.1.0','SM+LN+G','make-fixtures',2,2,8,1);
INSERT INTO "runs" VALUES(2,'all-nan',1,'all-nan.h5','00000005-0000-4000-8000-000000000000','plain','2023-11-14T22:13:20Z','0.1.0','SM+LN+G','make-fixtures',1,2,8,1);
CREATE TABLE scalars (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  step INTEGER NOT NULL,
  value REAL,
  state TEXT NOT NULL CHECK (state IN ('finite', 'nan', 'inf', '-inf')),
  PRIMARY KEY (run_id, name, step)) STRICT;
INSERT INTO "scalars" VALUES(1,'loss',0,5.5,'finite');
INSERT INTO "scalars" VALUES(1,'loss',10,2.75,'finite');
INSERT INTO "scalars" VALUES(1,'loss',20,1.83333333333333325931e+00,'finite');
INSERT INTO "scalars" VALUES(1,'lr',0,0.001,'finite');
INSERT INTO "scalars" VALUES(1,'lr',10,0.001,'finite');
INSERT INTO "scalars" VALUES(1,'lr',20,0.001,'finite');
INSERT INTO "scalars" VALUES(2,'loss',0,NULL,'nan');
INSERT INTO "scalars" VALUES(2,'loss',10,NULL,'nan');
INSERT INTO "scalars" VALUES(2,'lr',0,0.001,'finite');
INSERT INTO "scalars" VALUES(2,'lr',10,0.001,'finite');
CREATE VIEW layer_entropy AS  SELECT run_id, step, layer, count(*) AS n_heads, count(entropy_mean) AS n_valid_heads,
  avg(entropy_mean) AS entropy_mean, min(entropy_mean) AS lowest_head,
  max(entropy_mean) AS highest_head, avg(entropy_norm) AS entropy_norm,
  avg(entropy_ceiling) AS entropy_ceiling, avg(effective_keys) AS effective_keys,
  avg(max_weight) AS max_weight, avg(sink_mass) AS sink_mass, avg(distance) AS distance  FROM head_stats GROUP BY run_id, step, layer;
CREATE VIEW run_latest AS  SELECT id AS run_id, name, attempt, arch, n_layers, n_heads, context_length,
  (SELECT count(*) FROM captures WHERE run_id = r.id) AS n_captures,
  (SELECT min(step) FROM captures WHERE run_id = r.id) AS first_step,
  (SELECT max(step) FROM captures WHERE run_id = r.id) AS last_step  FROM runs AS r  WHERE attempt = (SELECT max(attempt) FROM runs WHERE name = r.name);
COMMIT;
