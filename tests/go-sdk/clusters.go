package main

import (
	"net/http"

	"go.mongodb.org/atlas-sdk/v20250312010/admin"
)

// gone is the state of a deployment that is not found.
const gone = "gone"

func (s *session) lookAtCluster(projectID, name string) func() (string, answer) {
	return func() (string, answer) {
		cluster, response, err := s.sdk.ClustersApi.GetCluster(s.ctx, projectID, name).Execute()
		if admin.IsErrorCode(err, "CLUSTER_NOT_FOUND") {
			return gone, of(response, err)
		}
		return cluster.GetStateName(), of(response, err)
	}
}

func (s *session) lookAtFlex(projectID, name string) func() (string, answer) {
	return func() (string, answer) {
		cluster, response, err := s.sdk.FlexClustersApi.GetFlexCluster(s.ctx, projectID, name).Execute()
		if response != nil && response.StatusCode == http.StatusNotFound {
			return gone, of(response, err)
		}
		return cluster.GetStateName(), of(response, err)
	}
}

func (s *session) clusters(projectID string) string {
	const name = "orders"
	api := s.sdk.ClustersApi
	wanted := func() *admin.ClusterDescription20240805 {
		return &admin.ClusterDescription20240805{
			Name: admin.PtrString(name), ClusterType: admin.PtrString("REPLICASET"),
			ReplicationSpecs: &[]admin.ReplicationSpec20240805{{RegionConfigs: &[]admin.CloudRegionConfig20240805{{
				ProviderName: admin.PtrString("AWS"), RegionName: admin.PtrString("US_EAST_1"), Priority: admin.PtrInt(7),
				ElectableSpecs: &admin.HardwareSpec20240805{InstanceSize: admin.PtrString("M10"), NodeCount: admin.PtrInt(3)},
			}}}},
		}
	}
	created, response, err := api.CreateCluster(s.ctx, projectID, wanted()).Execute()
	s.expect("create a cluster", of(response, err), http.StatusCreated,
		differs("state", created.GetStateName(), "CREATING"), differs("backup", created.GetBackupEnabled(), false),
		differs("continuous backup", created.GetPitEnabled(), false))

	_, response, err = api.CreateCluster(s.ctx, projectID, wanted()).Execute()
	s.refuse("create the cluster again", of(response, err), http.StatusBadRequest, "DUPLICATE_CLUSTER_NAME")

	s.await("the cluster is up", s.lookAtCluster(projectID, name), "IDLE")

	read, response, err := api.GetCluster(s.ctx, projectID, name).Execute()
	addresses := read.GetConnectionStrings()
	reachable := addresses.GetStandardSrv() != ""
	s.expect("get the cluster", of(response, err), http.StatusOK, differs("reachable", reachable, true))

	listed, response, err := api.ListClusters(s.ctx, projectID).Execute()
	s.expect("list clusters", of(response, err), http.StatusOK, differs("count", listed.GetTotalCount(), 1))

	patch := &admin.ClusterDescription20240805{Tags: &[]admin.ResourceTag{{Key: "team", Value: "one"}},
		TerminationProtectionEnabled: admin.PtrBool(true)}
	patched, response, err := api.UpdateCluster(s.ctx, projectID, name, patch).Execute()
	s.expect("change the cluster", of(response, err), http.StatusOK,
		differs("tags", len(patched.GetTags()), 1), differs("protected", patched.GetTerminationProtectionEnabled(), true))
	s.await("the change is made", s.lookAtCluster(projectID, name), "IDLE")

	response, err = api.DeleteCluster(s.ctx, projectID, name).Execute()
	s.refuse("delete a protected cluster", of(response, err), http.StatusBadRequest,
		"CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED")

	patch = &admin.ClusterDescription20240805{TerminationProtectionEnabled: admin.PtrBool(false)}
	_, response, err = api.UpdateCluster(s.ctx, projectID, name, patch).Execute()
	s.expect("end the protection", of(response, err), http.StatusOK)
	s.await("the protection has ended", s.lookAtCluster(projectID, name), "IDLE")

	patch = &admin.ClusterDescription20240805{Paused: admin.PtrBool(true)}
	paused, response, err := api.UpdateCluster(s.ctx, projectID, name, patch).Execute()
	s.expect("pause the cluster", of(response, err), http.StatusOK, differs("paused", paused.GetPaused(), true))
	s.await("the cluster is paused", s.lookAtCluster(projectID, name), "IDLE")

	response, err = s.sdk.ProjectsApi.DeleteGroup(s.ctx, projectID).Execute()
	s.refuse("delete a project with a cluster", of(response, err), http.StatusConflict, "CANNOT_CLOSE_GROUP_ACTIVE_ATLAS_CLUSTERS")
	return name
}

func (s *session) flexClusters(projectID string) string {
	const name = "small"
	api := s.sdk.FlexClustersApi
	wanted := &admin.FlexClusterDescriptionCreate20241113{Name: name,
		ProviderSettings: admin.FlexProviderSettingsCreate20241113{BackingProviderName: "AWS", RegionName: "US_EAST_1"}}
	created, response, err := api.CreateFlexCluster(s.ctx, projectID, wanted).Execute()
	s.expect("create a flex cluster", of(response, err), http.StatusCreated,
		differs("state", created.GetStateName(), "CREATING"))
	s.await("the flex cluster is up", s.lookAtFlex(projectID, name), "IDLE")

	listed, response, err := api.ListFlexClusters(s.ctx, projectID).Execute()
	s.expect("list flex clusters", of(response, err), http.StatusOK, differs("count", listed.GetTotalCount(), 1))

	update := &admin.FlexClusterDescriptionUpdate20241113{Tags: &[]admin.ResourceTag{{Key: "team", Value: "two"}}}
	updated, response, err := api.UpdateFlexCluster(s.ctx, projectID, name, update).Execute()
	s.expect("change the flex cluster", of(response, err), http.StatusOK, differs("tags", len(updated.GetTags()), 1))
	s.await("the flex cluster is changed", s.lookAtFlex(projectID, name), "IDLE")

	_, response, err = s.sdk.ClustersApi.GetCluster(s.ctx, projectID, name).Execute()
	s.refuse("get the flex cluster as a cluster", of(response, err), http.StatusBadRequest,
		"CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API")
	return name
}

func (s *session) deleteDeployments(projectID, cluster, flex string) {
	response, err := s.sdk.ClustersApi.DeleteCluster(s.ctx, projectID, cluster).Execute()
	s.expect("delete the cluster", of(response, err), http.StatusAccepted)
	s.await("the cluster is being deleted", s.lookAtCluster(projectID, cluster), "DELETING", gone)
	response, err = s.sdk.FlexClustersApi.DeleteFlexCluster(s.ctx, projectID, flex).Execute()
	s.expect("delete the flex cluster", of(response, err), http.StatusNoContent)
	s.await("the flex cluster is being deleted", s.lookAtFlex(projectID, flex), "DELETING", gone)
	s.await("the cluster is gone", s.lookAtCluster(projectID, cluster), gone)
	s.await("the flex cluster is gone", s.lookAtFlex(projectID, flex), gone)
}

// reads looks at everything that lasts.
func (s *session) reads(projectID, cluster, flex string) []answer {
	_, project, projectErr := s.sdk.ProjectsApi.GetGroup(s.ctx, projectID).Execute()
	_, roles, rolesErr := s.sdk.CustomDatabaseRolesApi.ListCustomDbRoles(s.ctx, projectID).Execute()
	_, one, oneErr := s.sdk.ClustersApi.GetCluster(s.ctx, projectID, cluster).Execute()
	_, other, otherErr := s.sdk.FlexClustersApi.GetFlexCluster(s.ctx, projectID, flex).Execute()
	return []answer{of(project, projectErr), of(roles, rolesErr), of(one, oneErr), of(other, otherErr)}
}
