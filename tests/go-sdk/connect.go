package main

import (
	"context"

	"go.mongodb.org/atlas-sdk/v20250312010/admin"
)

// The base URL comes first: the option for a service account reads it.

func withKey(_ context.Context, baseURL, publicKey, privateKey string) (*admin.APIClient, error) {
	return admin.NewClient(admin.UseBaseURL(baseURL), admin.UseDigestAuth(publicKey, privateKey))
}

func withServiceAccount(ctx context.Context, baseURL, clientID, clientSecret string) (*admin.APIClient, error) {
	return admin.NewClient(admin.UseBaseURL(baseURL), admin.UseOAuthAuth(ctx, clientID, clientSecret))
}
