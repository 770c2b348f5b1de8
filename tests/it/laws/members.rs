//! What several laws have in a project.

/// One object of each kind that is in project `shop`, and the password that one of them refers to.
pub(super) const MEMBERS: &str = r"
apiVersion: v1
kind: Secret
metadata: {name: api-password}
stringData: {password: 'correct horse battery'}
---
apiVersion: atlas-operator.io/v1
kind: AtlasCluster
metadata: {name: orders}
spec:
  projectRef: {name: shop}
  name: orders
  clusterType: REPLICASET
  replicationSpecs:
  - regionConfigs:
    - {providerName: AWS, regionName: EU_WEST_1, priority: 7, electableSpecs: {instanceSize: M10, nodeCount: 3}}
---
apiVersion: atlas-operator.io/v1
kind: AtlasCustomRole
metadata: {name: support}
spec:
  projectRef: {name: shop}
  roleName: support
  actions: [{action: FIND, resources: [{db: orders}]}]
---
apiVersion: atlas-operator.io/v1
kind: AtlasDatabaseUser
metadata: {name: api}
spec:
  projectRef: {name: shop}
  username: api
  passwordSecretRef: {name: api-password}
  roles: [{roleName: support, databaseName: admin}]
  scopes: [{name: orders, type: CLUSTER}]
";
