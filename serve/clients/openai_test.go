package clients

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func client(t *testing.T, opts ...option.RequestOption) openai.Client {
	t.Helper()
	url, key := server(t)
	return openai.NewClient(append([]option.RequestOption{option.WithBaseURL(url + "/v1"), option.WithAPIKey(key), option.WithMaxRetries(0)}, opts...)...)
}

func TestOpenAICompletions(t *testing.T) {
	c := client(t)
	params := openai.CompletionNewParams{Model: "any", Prompt: openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"The town", "A river"}},
		MaxTokens: openai.Int(8), Temperature: openai.Float(0), Logprobs: openai.Int(2), Seed: openai.Int(5), User: openai.String("me")}
	out, err := c.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Choices) != 2 || out.Choices[0].Text == "" || len(out.Choices[1].Logprobs.TokenLogprobs) != 8 || out.Choices[1].Index != 1 || out.Usage.CompletionTokens != 16 {
		t.Errorf("%s", out.RawJSON())
	}
	params.Logprobs = openai.CompletionNewParams{}.Logprobs
	stream := c.Completions.NewStreaming(t.Context(), params)
	texts := map[int64]string{}
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			texts[choice.Index] += choice.Text
		}
	}
	if err := stream.Err(); err != nil || texts[0] != out.Choices[0].Text || texts[1] != out.Choices[1].Text {
		t.Errorf("streamed %v, %v", texts, err)
	}
	ids := openai.CompletionNewParamsPromptUnion{OfArrayOfTokens: []int64{300, 301}}
	if out, err := c.Completions.New(t.Context(), openai.CompletionNewParams{Model: "any", Prompt: ids, Echo: openai.Bool(true), MaxTokens: openai.Int(2)}); err != nil || out.Usage.PromptTokens != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestOpenAIChat(t *testing.T) {
	c := client(t)
	params := openai.ChatCompletionNewParams{Model: "any", MaxCompletionTokens: openai.Int(6), Temperature: openai.Float(0), Logprobs: openai.Bool(true), TopLogprobs: openai.Int(2),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Where is Kalomir?"), openai.AssistantMessage("By the river."), openai.UserMessage("Thanks")}}
	out, err := c.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	choice := out.Choices[0]
	if choice.Message.Content == "" || string(choice.Message.Role) != "assistant" || choice.FinishReason != "length" || len(choice.Logprobs.Content) != 6 || out.Usage.TotalTokens == 0 {
		t.Errorf("%s", out.RawJSON())
	}
	params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	stream := c.Chat.Completions.NewStreaming(t.Context(), params)
	var all openai.ChatCompletionAccumulator
	for stream.Next() {
		if !all.AddChunk(stream.Current()) {
			t.Fatalf("a chunk does not follow: %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil || all.Choices[0].Message.Content != choice.Message.Content || all.Usage.TotalTokens != out.Usage.TotalTokens {
		t.Errorf("streamed %q, want %q (%v)", all.Choices[0].Message.Content, choice.Message.Content, err)
	}
}

func TestOpenAIModelsAndErrors(t *testing.T) {
	c := client(t)
	page, err := c.Models.List(t.Context())
	if err != nil || len(page.Data) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	if m, err := c.Models.Get(t.Context(), page.Data[0].ID); err != nil || m.ID != page.Data[0].ID {
		t.Errorf("%+v, %v", m, err)
	}
	var told *openai.Error
	_, err = c.Completions.New(t.Context(), openai.CompletionNewParams{Model: "any", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("a")}, MaxTokens: openai.Int(1 << 20)})
	if !errors.As(err, &told) || told.StatusCode != 400 || told.Code != "context_length_exceeded" || told.Param != "prompt" || !strings.Contains(told.Message, "window") {
		t.Errorf("%v", err)
	}
	wrong := client(t, option.WithAPIKey("wrong"))
	if _, err := wrong.Models.List(t.Context()); !errors.As(err, &told) || told.StatusCode != 401 {
		t.Errorf("%v", err)
	}
}

func TestOpenAIClientThatLeaves(t *testing.T) {
	c := client(t)
	ctx, cancel := context.WithCancel(t.Context())
	stream := c.Completions.NewStreaming(ctx, openai.CompletionNewParams{Model: "any", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("a")}, MaxTokens: openai.Int(100)})
	stream.Next()
	cancel()
	if err := stream.Close(); err != nil {
		t.Logf("closing a stream that is cut: %v", err)
	}
	if out, err := c.Completions.New(t.Context(), openai.CompletionNewParams{Model: "any", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("a")}, MaxTokens: openai.Int(2)}); err != nil || len(out.Choices) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}
