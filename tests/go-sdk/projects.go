package main

import (
	"fmt"
	"net/http"
	"time"

	"go.mongodb.org/atlas-sdk/v20250312010/admin"
)

// ahead is how far in the future a client on this machine lets a thing expire.
const ahead = 5 * time.Minute

// soon is a date of this machine's clock, to the second as Atlas shows dates.
func soon() time.Time { return time.Now().UTC().Add(ahead).Truncate(time.Second) }

func (s *session) projects() string {
	api := s.sdk.ProjectsApi
	// The vendor's command line sends the parameter with every creation, and mostly empty.
	owner := ""
	created, response, err := api.CreateGroupWithParams(s.ctx, &admin.CreateGroupApiParams{
		Group:          &admin.Group{Name: "sdk", OrgId: s.orgID},
		ProjectOwnerId: &owner,
	}).Execute()
	s.expect("create a project", of(response, err), http.StatusCreated, differs("name", created.GetName(), "sdk"))
	id := created.GetId()

	_, response, err = api.CreateGroup(s.ctx, &admin.Group{Name: "sdk", OrgId: s.orgID}).Execute()
	s.refuse("create it again", of(response, err), http.StatusConflict, "GROUP_ALREADY_EXISTS")

	listed, response, err := api.ListGroups(s.ctx).Execute()
	s.expect("list projects", of(response, err), http.StatusOK, differs("count", listed.GetTotalCount(), 1))

	read, response, err := api.GetGroup(s.ctx, id).Execute()
	s.expect("get the project", of(response, err), http.StatusOK, differs("id", read.GetId(), id))

	update := &admin.GroupUpdate{Name: admin.PtrString("renamed"), Tags: &[]admin.ResourceTag{{Key: "team", Value: "one"}}}
	updated, response, err := api.UpdateGroup(s.ctx, id, update).Execute()
	s.expect("update the project", of(response, err), http.StatusOK,
		differs("name", updated.GetName(), "renamed"), differs("tags", len(updated.GetTags()), 1))

	named, response, err := api.GetGroupByName(s.ctx, "renamed").Execute()
	s.expect("get the project by name", of(response, err), http.StatusOK, differs("id", named.GetId(), id))

	_, response, err = api.GetGroup(s.ctx, "000000000000000000000000").Execute()
	s.refuse("get a project that is not there", of(response, err), http.StatusNotFound, "GROUP_NOT_FOUND")
	return id
}

func (s *session) deleteProject(id string) {
	response, err := s.sdk.ProjectsApi.DeleteGroup(s.ctx, id).Execute()
	s.expect("delete the project", of(response, err), http.StatusAccepted)
	_, response, err = s.sdk.ProjectsApi.GetGroup(s.ctx, id).Execute()
	// Both were observed.
	status, code := http.StatusNotFound, "GROUP_NOT_FOUND"
	if response != nil && response.StatusCode == http.StatusUnauthorized {
		status, code = http.StatusUnauthorized, "USER_CANNOT_ACCESS_GROUP"
	}
	s.refuse("get the deleted project", of(response, err), status, code)
}

func (s *session) accessList(projectID string) {
	api := s.sdk.ProjectIPAccessListApi
	expiry := soon()
	entries := []admin.NetworkPermissionEntry{
		{CidrBlock: admin.PtrString("10.1.0.0/16"), Comment: admin.PtrString("office")},
		{IpAddress: admin.PtrString("10.2.3.4"), DeleteAfterDate: &expiry},
	}
	_, response, err := api.CreateAccessListEntry(s.ctx, projectID, &entries).Execute()
	s.expect("create access list entries", of(response, err), http.StatusCreated)

	listed, response, err := api.ListAccessListEntries(s.ctx, projectID).Execute()
	s.expect("list access list entries", of(response, err), http.StatusOK, differs("count", listed.GetTotalCount(), 2))

	read, response, err := api.GetAccessListEntry(s.ctx, projectID, "10.2.3.4").Execute()
	s.expect("get an access list entry that expires", of(response, err), http.StatusOK,
		differs("block", read.GetCidrBlock(), "10.2.3.4/32"), differs("expiry", read.GetDeleteAfterDate(), expiry))

	past := time.Now().UTC().Add(-time.Hour)
	entries = []admin.NetworkPermissionEntry{{IpAddress: admin.PtrString("10.2.3.5"), DeleteAfterDate: &past}}
	_, response, err = api.CreateAccessListEntry(s.ctx, projectID, &entries).Execute()
	s.refuse("create an entry that has expired", of(response, err), http.StatusBadRequest, "EXPIRATION_DATE_IN_PAST")

	for _, entry := range []string{"10.2.3.4", "10.1.0.0/16"} {
		response, err = api.DeleteAccessListEntry(s.ctx, projectID, entry).Execute()
		s.expect("delete an access list entry", of(response, err), http.StatusNoContent)
	}
	_, response, err = api.GetAccessListEntry(s.ctx, projectID, "10.2.3.4").Execute()
	s.refuse("get a deleted access list entry", of(response, err), http.StatusNotFound, "")
}

func (s *session) customRoles(projectID string) {
	api := s.sdk.CustomDatabaseRolesApi
	role := &admin.UserCustomDBRole{RoleName: "reporting", Actions: &[]admin.DatabasePrivilegeAction{
		{Action: "FIND", Resources: &[]admin.DatabasePermittedNamespaceResource{{Db: "orders"}}},
	}}
	_, response, err := api.CreateCustomDbRole(s.ctx, projectID, role).Execute()
	s.expect("create a custom role", of(response, err), http.StatusAccepted)

	listed, response, err := api.ListCustomDbRoles(s.ctx, projectID).Execute()
	s.expect("list custom roles", of(response, err), http.StatusOK, differs("count", len(listed), 1))

	// Database and collection of an action on the cluster are sent empty by this SDK, and left out by Atlas.
	update := &admin.UpdateCustomDBRole{Actions: &[]admin.DatabasePrivilegeAction{
		{Action: "SERVER_STATUS", Resources: &[]admin.DatabasePermittedNamespaceResource{{Cluster: true}}},
	}}
	_, response, err = api.UpdateCustomDbRole(s.ctx, projectID, "reporting", update).Execute()
	s.expect("update the custom role", of(response, err), http.StatusOK)

	read, response, err := api.GetCustomDbRole(s.ctx, projectID, "reporting").Execute()
	found := fmt.Sprintf("%d actions", len(read.GetActions()))
	if actions := read.GetActions(); len(actions) == 1 && len(actions[0].GetResources()) == 1 {
		found = fmt.Sprintf("%s %v", actions[0].Action, actions[0].GetResources()[0].Cluster)
	}
	s.expect("get the custom role", of(response, err), http.StatusOK, differs("action", found, "SERVER_STATUS true"))
}

func (s *session) databaseUsers(projectID string) {
	api := s.sdk.DatabaseUsersApi
	user := func(name string) *admin.CloudDatabaseUser {
		return &admin.CloudDatabaseUser{
			DatabaseName: "admin", GroupId: projectID, Username: name, Password: admin.PtrString("a password of no account"),
			Roles: &[]admin.DatabaseUserRole{{DatabaseName: "orders", RoleName: "readWrite"}},
		}
	}
	created, response, err := api.CreateDatabaseUser(s.ctx, projectID, user("api")).Execute()
	s.expect("create a user", of(response, err), http.StatusCreated, differs("name", created.GetUsername(), "api"))

	expiry := soon()
	passing := user("passing")
	passing.DeleteAfterDate = &expiry
	_, response, err = api.CreateDatabaseUser(s.ctx, projectID, passing).Execute()
	s.expect("create a user that expires", of(response, err), http.StatusCreated)

	read, response, err := api.GetDatabaseUser(s.ctx, projectID, "admin", "passing").Execute()
	s.expect("get the user that expires", of(response, err), http.StatusOK,
		differs("expiry", read.GetDeleteAfterDate(), expiry))

	_, response, err = api.CreateDatabaseUser(s.ctx, projectID, user("api")).Execute()
	s.refuse("create the user again", of(response, err), http.StatusConflict, "USER_ALREADY_EXISTS")

	listed, response, err := api.ListDatabaseUsers(s.ctx, projectID).Execute()
	s.expect("list users", of(response, err), http.StatusOK, differs("count", listed.GetTotalCount(), 2))

	update := &admin.CloudDatabaseUser{
		DatabaseName: "admin", GroupId: projectID, Username: "api",
		Roles: &[]admin.DatabaseUserRole{{DatabaseName: "admin", RoleName: "reporting"}},
	}
	updated, response, err := api.UpdateDatabaseUser(s.ctx, projectID, "admin", "api", update).Execute()
	role := ""
	if roles := updated.GetRoles(); len(roles) == 1 {
		role = roles[0].RoleName
	}
	s.expect("update the user", of(response, err), http.StatusOK, differs("role", role, "reporting"))

	for _, name := range []string{"api", "passing"} {
		response, err = api.DeleteDatabaseUser(s.ctx, projectID, "admin", name).Execute()
		s.expect("delete a user", of(response, err), http.StatusNoContent)
	}
	_, response, err = api.GetDatabaseUser(s.ctx, projectID, "admin", "api").Execute()
	s.refuse("get a deleted user", of(response, err), http.StatusNotFound, "USERNAME_NOT_FOUND")
}
